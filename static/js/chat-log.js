// <chat-log>: the conversation. It follows what is running, keeps to the bottom while the reader is there, and
// puts messages into place, whoever sent them: this form, another tab, another device.
import { dressCode } from "./code-blocks.js";
import { copyFrom } from "./copying.js";
import { flash } from "./flashes.js";
import { getPage, parse, post } from "./http.js";
import { LiveAnswer } from "./live-answer.js";
import { localise } from "./times.js";
import { say } from "./words.js";

const NEAR = 60; // px from the end that still count as being there

class ChatLog extends HTMLElement {
  #answers = new Map();
  #stuck = false;

  connectedCallback() {
    this.turns = this.querySelector(".turns");
    this.newest = document.querySelector(".newest");
    this.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.addEventListener("submit", (event) => this.#submitted(event));
    this.addEventListener("click", (event) => this.#clicked(event));
    this.newest.addEventListener("click", () => this.#toEnd());
    new ResizeObserver(() => this.#keepUp()).observe(this);
    for (const message of this.turns.querySelectorAll("chat-message")) this.#settle(message);
    if (this.turns.childElementCount) this.#toEnd();
    this.#tellRunning();
  }

  /** The message that is being written now, if any. */
  get running() {
    return [...this.#answers.values()].at(-1)?.element ?? null;
  }

  /** Puts the server's HTML of new messages at the end. */
  append(html) {
    for (const message of parse(html).querySelectorAll("chat-message")) this.#place(message);
    document.getElementById("main").classList.remove("empty");
    document.querySelector(".hello")?.remove();
    this.#toEnd();
    this.#tellRunning();
  }

  /** Shows what was sent from elsewhere: `message` asks, `answer` answers it. */
  async catchUp({ message, answer }) {
    for (const id of [message, answer]) {
      const present = document.getElementById(`m${id}`);
      if (present && (id === message || this.#answers.has(String(id)))) continue;
      await this.#fetchInto(id, { after: id === answer ? message : null });
    }
    this.#tellRunning();
  }

  async stop() {
    const { running } = this;
    if (!running) return;
    running.querySelector("state-line")?.show("stopping");
    try {
      await post(running.dataset.stop);
    } catch (error) {
      flash(error.message);
    }
  }

  async #fetchInto(id, { after }) {
    try {
      const page = await getPage(this.dataset.messageUrl.replace(/\/0\/$/, `/${id}/`));
      if (this.#answers.has(String(id))) return;
      if (after) this.#cutAfter(after, id);
      this.#place(page.querySelector("chat-message"));
      this.#keepUp();
    } catch (error) {
      flash(error.message);
    }
  }

  /** Another answer takes the place of all that followed its question. */
  #cutAfter(messageId, keptId) {
    let next = document.getElementById(`m${messageId}`)?.nextElementSibling;
    while (next) {
      const gone = next;
      next = next.nextElementSibling;
      if (gone.dataset.id !== String(keptId)) this.#remove(gone);
    }
  }

  #remove(message) {
    this.#answers.get(message.dataset.id)?.drop();
    this.#answers.delete(message.dataset.id);
    message.remove();
  }

  #place(message) {
    const present = document.getElementById(message.id);
    if (present && this.#answers.has(message.dataset.id)) return;
    if (present) present.replaceWith(message);
    else this.turns.append(message);
    this.#settle(message);
  }

  #settle(message) {
    dressCode(message);
    localise(message);
    if (!("running" in message.dataset)) return;
    const answer = new LiveAnswer(message, {
      onChange: () => this.#keepUp(),
      onEnd: (final) => this.#finished(message, final),
    });
    this.#answers.set(message.dataset.id, answer);
  }

  #finished(message, final) {
    this.#answers.delete(message.dataset.id);
    if (final && message.isConnected) {
      const open = message.querySelector(".fold")?.open;
      const fold = final.querySelector(".fold");
      if (fold) fold.open = Boolean(open);
      message.replaceWith(final);
      this.#settle(final);
      this.#announce(say("answer_ready"));
    }
    if (!final) message.querySelector("state-line")?.remove();
    this.#keepUp();
    this.#tellRunning();
    document.body.dispatchEvent(new CustomEvent("chats-changed"));
  }

  async #submitted(event) {
    const form = event.target.closest("form[data-action]");
    if (!form) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const told = await post(form.action, withModel(form));
      const old = form.closest("chat-message");
      this.#cutAfter(told.message, form.dataset.action === "continue" ? old.dataset.id : null);
      this.append(told.html);
      document.getElementById("content")?.focus({ preventScroll: true });
    } catch (error) {
      button.disabled = false;
      flash(error.message);
    }
  }

  #clicked(event) {
    const copy = event.target.closest("[data-copy-answer]");
    if (!copy) return;
    const source = copy.closest("chat-message").querySelector("template.source");
    copyFrom(copy, source.content.textContent);
  }

  #announce(sentence) {
    const region = document.querySelector(".announcer");
    if (region) region.textContent = sentence;
  }

  #scrolled() {
    this.#stuck = this.scrollHeight - this.scrollTop - this.clientHeight < NEAR;
    this.newest.hidden = this.#stuck;
  }

  #keepUp() {
    if (this.#stuck) this.scrollTop = this.scrollHeight;
    else this.#scrolled();
  }

  #toEnd() {
    this.#stuck = true;
    this.newest.hidden = true;
    this.scrollTop = this.scrollHeight;
  }

  #tellRunning() {
    const detail = { running: Boolean(this.running) };
    document.dispatchEvent(new CustomEvent("running-changed", { detail }));
  }
}

/** Another try is made by the model that is chosen now: the last one may be gone. */
function withModel(form) {
  const body = new FormData(form);
  const chosen = document.querySelector("model-picker input:checked");
  if (chosen && form.dataset.action === "again") body.set("model", chosen.value);
  return body;
}

customElements.define("chat-log", ChatLog);
