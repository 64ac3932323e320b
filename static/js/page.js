// The chat page: its elements, and what connects them.
import "./chat-list.js";
import "./chat-log.js";
import "./chat-composer.js";
import "./model-picker.js";
import "./pull-card.js";
import "./state-line.js";
import "./image-job.js";
import "./gpu-status.js"; // last: it speaks to the others as soon as it is there
import { copyFrom } from "./copying.js";
import { Drawer } from "./drawer.js";
import { live, pageMade } from "./live.js";
import { watchService } from "./service-watch.js";
import { wireSettings } from "./settings.js";
import { say } from "./words.js";

const PATIENCE = 900; // ms without a connection before anything is said about it

const log = document.querySelector("chat-log");
const composer = document.querySelector("chat-composer");
const drawer = new Drawer();

function followPerson() {
  live.follow("user", 0, (frame) => {
    if (frame.type === "title") showTitle(frame);
    if (frame.type === "answer" && String(frame.chat) === log.dataset.chat) log.catchUp(frame);
    if (["answer", "chats", "title"].includes(frame.type)) {
      document.body.dispatchEvent(new CustomEvent("chats-changed"));
    }
  }, { after: pageMade });
}

function showTitle({ chat, title }) {
  if (String(chat) !== log.dataset.chat) return;
  document.getElementById("chat-title").textContent = title;
  document.title = `${title} · Ollama Chat`;
}

function showConnection() {
  const line = document.querySelector(".link-state");
  let timer = 0;
  const show = (sentence) => {
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

function wireKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) escape();
    if (event.key?.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      location.assign(document.querySelector(".new").href);
    }
  });
}

function escape() {
  const open = document.querySelector(".account[open], .row-menu[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (drawer.isOpen) {
    drawer.close();
  } else {
    log.stop();
  }
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

function wireClicks() {
  document.addEventListener("click", ({ target }) => {
    const idea = target.closest("[data-try]");
    if (idea) composer.fill(idea.textContent.trim().replace(/\s+/g, " "));
    const copy = target.closest("[data-copy]");
    if (copy) copyFrom(copy, copy.dataset.copy);
    const account = document.querySelector(".account[open]");
    if (account && !account.contains(target)) account.open = false;
  });
}

wireSettings();
wireKeys();
wireClicks();
wireSwaps();
showConnection();
followPerson();
watchService();
