// The sheet of keys, and the keys that lead from chat to chat.
const TYPING = "input, textarea, select, [contenteditable]";

export function wireHelp() {
  const sheet = document.getElementById("help");
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !event.ctrlKey && !event.metaKey && !event.target.closest(TYPING)) sheet?.showModal();
    if (event.altKey && ["ArrowUp", "ArrowDown"].includes(event.key)) step(event);
    if (event.key === "Escape" && event.shiftKey) document.getElementById("content")?.focus();
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-help]")) sheet?.showModal();
    else if (target === sheet) sheet.close();
  });
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
