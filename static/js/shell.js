// What every page with the sidebar does: drawer, keys, the person's events, the state of the connection.
import "./chat-find.js";
import { Drawer } from "./drawer.js";
import { wireHelp } from "./help-sheet.js";
import { live, pageMade } from "./live.js";
import { wireDialogs } from "./page-dialog.js";
import { wireSettings } from "./settings.js";
import { Unread } from "./unread.js";
import { say } from "./words.js";

const PATIENCE = 900; // ms without a connection before anything is said about it
const LISTED = ["answer", "chats", "title", "picture", "ended"]; // events that change the list

/** Wires the page; `onEvent` gets each of the person's events, `onEscape` an Escape that nothing else takes. */
export function wireShell({ onEvent = () => {}, onEscape = () => {} } = {}) {
  const drawer = new Drawer();
  const unread = new Unread();
  wireSettings();
  wireDialogs();
  wireHelp();
  wireKeys(drawer, onEscape);
  wireAccount();
  wireSwaps();
  showConnection();
  live.follow("user", 0, (frame) => {
    onEvent(frame);
    if (frame.type === "ended") unread.ended(frame);
    if (LISTED.includes(frame.type)) document.body.dispatchEvent(new CustomEvent("chats-changed"));
  }, { after: pageMade });
}

function showConnection() {
  const line = document.querySelector(".link-state");
  let timer = 0;
  const show = (sentence) => {
    if (!line) return;
    line.textContent = sentence;
    line.hidden = !sentence;
  };
  live.addEventListener("state", ({ detail }) => {
    clearTimeout(timer);
    if (detail === "lost") timer = setTimeout(() => show(say("lost")), PATIENCE);
    else if (detail === "signed-out") location.reload(); // the draft is kept, the server shows the way in
    else show("");
  });
}

function wireKeys(drawer, onEscape) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.shiftKey && !event.isComposing) escape(drawer, onEscape);
    if (event.key?.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      location.assign(document.querySelector(".new").href);
    }
  });
}

function escape(drawer, onEscape) {
  if (document.querySelector("dialog[open], :popover-open")) return; // the browser closes it, and that is all
  const open = document.querySelector(".account[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (drawer.isOpen) {
    drawer.close();
  } else {
    onEscape();
  }
}

function wireAccount() {
  document.addEventListener("click", ({ target }) => {
    const account = document.querySelector(".account[open]");
    if (account && !account.contains(target)) account.open = false;
  });
}

/** Whoever has been signed out meanwhile gets the way in, not its page in the middle of this one. */
function wireSwaps() {
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const asked = new URL(detail.requestConfig.path, location.href).pathname;
    if (!detail.xhr.responseURL || new URL(detail.xhr.responseURL).pathname === asked) return;
    detail.shouldSwap = false;
    location.reload();
  });
}
