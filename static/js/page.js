// The chat page: its elements, and what connects them.
import "./chat-list.js";
import "./chat-log.js";
import "./chat-composer.js";
import "./plus-menu.js";
import "./think-pill.js";
import "./model-picker.js";
import "./context-gauge.js";
import "./pull-card.js";
import "./state-line.js";
import "./image-job.js";
import "./picture-viewer.js";
import "./gpu-status.js"; // last: it speaks to the others as soon as it is there
import { bringBack, deletedHere } from "./chat-menu.js";
import { copyFrom } from "./copying.js";
import { flash } from "./flashes.js";
import { watchService } from "./service-watch.js";
import { wireShell } from "./shell.js";
import { say } from "./words.js";

const log = document.querySelector("chat-log");
const composer = document.querySelector("chat-composer");

function receive(frame) {
  const here = String(frame.chat) === log.dataset.chat;
  if (frame.type === "title" && here) showTitle(frame);
  if (frame.type === "answer" && here) log.catchUp(frame).then((words) => words && composer.forget(words));
  if (frame.type === "thread" && here) log.sync();
  if (frame.type === "deleted" && here) tellDeleted(frame);
  if (frame.type === "restored" && here) document.getElementById("main").classList.remove("gone");
}

function showTitle({ title }) {
  document.getElementById("chat-title").textContent = title;
  document.title = `${title} · Ollama Chat`;
  document.dispatchEvent(new CustomEvent("list-changed"));
}

/** The chat that is on this page has been deleted, here or elsewhere. */
function tellDeleted({ chat }) {
  document.getElementById("main").classList.add("gone");
  if (deletedHere.has(String(chat))) return;
  flash(say("this_chat_deleted"), { label: say("undo"), act: () => bringBack(`/chats/${chat}/restore/`) });
}

function wireClicks() {
  document.addEventListener("click", ({ target }) => {
    const idea = target.closest("[data-try]");
    if (idea) composer.fill(idea.textContent.trim().replace(/\s+/g, " "));
    const copy = target.closest("[data-copy]");
    if (copy) copyFrom(copy, copy.dataset.copy);
  });
}

wireClicks();
wireShell({ onEvent: receive, onEscape: () => log.stop() });
watchService();
