// Passkeys: forms with data-passkey="create" or "get" have the browser make or use one, then send what it says.
const decode = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const withIds = (list) => list?.map((one) => ({ ...one, id: decode(one.id) }));

/** Returns the options as the browser takes them; the server writes bytes as base64url. */
function readOptions({ publicKey }, creates) {
  const options = { ...publicKey, challenge: decode(publicKey.challenge) };
  if (!creates) return { publicKey: { ...options, allowCredentials: withIds(publicKey.allowCredentials) } };
  options.user = { ...publicKey.user, id: decode(publicKey.user.id) };
  options.excludeCredentials = withIds(publicKey.excludeCredentials);
  options.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: "required",
    requireResidentKey: true,
    userVerification: "required",
  };
  return { publicKey: options };
}

/** Returns a credential as the server reads it. */
function write(credential) {
  const { response } = credential;
  const told = { clientDataJSON: encode(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) told[name] = encode(response[name]);
  }
  if (response.getTransports) told.transports = response.getTransports();
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: told,
  };
}

async function findOptions(form) {
  if (!form.dataset.options) return JSON.parse(document.getElementById("passkey-options").textContent);
  const answer = await fetch(form.dataset.options, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`no options: ${answer.status}`);
  return answer.json();
}

async function ask(form) {
  const creates = form.dataset.passkey === "create";
  const { creation_options, request_options } = await findOptions(form);
  const options = readOptions(creates ? creation_options : request_options, creates);
  const { credentials } = navigator;
  return creates ? credentials.create(options) : credentials.get(options);
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  const trouble = form.querySelector("[role=alert][hidden]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify(write(await ask(form)));
      form.submit();
    } catch {
      trouble.hidden = false; // refused, or nothing fits: another way is on the page
    }
  });
}
