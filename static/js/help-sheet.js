// The sheet of keys, and the keys that lead from chat to chat.
const TYPING = "input, textarea, select, [contenteditable]";

export function wireHelp() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !event.ctrlKey && !event.metaKey && !event.target.closest(TYPING)) show();
    if (event.altKey && ["ArrowUp", "ArrowDown"].includes(event.key)) step(event);
    if (event.key === "Escape" && event.shiftKey) document.getElementById("content")?.focus();
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-help]")) show();
    else if (target.id === "help") target.close();
  });
}

function show() {
  if (document.querySelector("dialog[open]")) return;
  const sheet = document.getElementById("help-sheet")?.content.querySelector("dialog").cloneNode(true);
  if (!sheet) return;
  sheet.addEventListener("close", () => sheet.remove());
  document.body.append(sheet);
  sheet.showModal();
}

/** Opens the chat above or below the open one in the list. */
function step(event) {
  const links = [...document.querySelectorAll(".chat-row > a:first-child")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[event.key === "ArrowUp" ? at - 1 : at + 1];
  if (!next) return;
  event.preventDefault();
  location.assign(next.href);
}
