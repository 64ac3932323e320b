// Requests to our own server: one error shape, whatever went wrong, with a sentence that may be shown.
import { say } from "./words.js";

export class RequestError extends Error {
  constructor(message, { code = "", status = 0 } = {}) {
    super(message);
    this.code = code;
    this.status = status;
  }

  get signedOut() {
    return this.code === "unauthenticated";
  }
}

const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

async function ask(url, options = {}) {
  const headers = { "X-Requested-With": "fetch", "X-CSRFToken": token() };
  let response;
  try {
    response = await fetch(url, { ...options, headers, credentials: "same-origin" });
  } catch {
    throw new RequestError(say("unreachable"));
  }
  if (response.status === 401 || response.redirected) {
    throw new RequestError(say("signed_out"), { code: "unauthenticated", status: 401 });
  }
  if (!response.ok) throw await readError(response);
  return response;
}

async function readError(response) {
  const { status } = response;
  try {
    const { error } = await response.json();
    return new RequestError(error.message, { code: error.code, status });
  } catch {
    return new RequestError(say(status >= 502 ? "unreachable" : "failed"), { status });
  }
}

/** Posts a form and returns the JSON answer, null when there is none. */
export async function post(url, body) {
  const response = await ask(url, { method: "POST", body: isEmpty(body) ? undefined : body });
  return response.status === 204 ? null : response.json();
}

/** A form without fields is no multipart body that servers take. */
function isEmpty(body) {
  return body instanceof FormData && body.entries().next().done;
}

/** Returns a page or a piece of one as an inert document. */
export async function getPage(url) {
  const response = await ask(url);
  return parse(await response.text());
}

/** Posts a form and returns the piece of page that answers, as an inert document. */
export async function postPage(url, body) {
  const response = await ask(url, { method: "POST", body });
  return parse(await response.text());
}

export async function getJson(url) {
  return (await ask(url)).json();
}

/** Parses the server's own HTML; nothing in it runs, and what is for browsers without scripts is left out. */
export function parse(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of page.querySelectorAll("noscript")) element.remove();
  return page;
}
