// The chat page: its elements, and what connects them.
import "./chat-list.js";
import "./chat-log.js";
import "./chat-composer.js";
import "./model-picker.js";
import "./context-gauge.js";
import "./pull-card.js";
import "./state-line.js";
import "./image-job.js";
import "./picture-viewer.js";
import "./gpu-status.js"; // last: it speaks to the others as soon as it is there
import { copyFrom } from "./copying.js";
import { watchService } from "./service-watch.js";
import { wireShell } from "./shell.js";

const log = document.querySelector("chat-log");
const composer = document.querySelector("chat-composer");

function receive(frame) {
  const here = String(frame.chat) === log.dataset.chat;
  if (frame.type === "title" && here) showTitle(frame);
  if (frame.type === "answer" && here) log.catchUp(frame);
  if (frame.type === "thread" && here) log.sync();
}

function showTitle({ title }) {
  document.getElementById("chat-title").textContent = title;
  document.title = `${title} · Ollama Chat`;
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
