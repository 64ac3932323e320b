// <chat-log>: the conversation. It follows what is running, keeps to the bottom while the reader is there, and
// puts messages into place, whoever sent them: this form, another tab, another device.
import { dressCode } from "./code-blocks.js";
import { copyFrom } from "./copying.js";
import { flash } from "./flashes.js";
import { typeset } from "./formulas.js";
import { getPage, parse, post } from "./http.js";
import { LiveAnswer } from "./live-answer.js";
import { MessageMenu } from "./message-menu.js";
import { localise } from "./times.js";
import { say } from "./words.js";

const NEAR = 60; // px from the end that still count as being there

class ChatLog extends HTMLElement {
  #answers = new Map();
  #stuck = false;
  #syncing = null;
  #syncAgain = false;
  #endWanted = false;
  #menu = null;
  #sight = new IntersectionObserver((seen) => this.#earlierSeen(seen), { rootMargin: "600px 0px 0px" });

  connectedCallback() {
    this.turns = this.querySelector(".turns");
    this.newest = document.querySelector(".newest");
    this.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.addEventListener("submit", (event) => this.#submitted(event));
    this.addEventListener("click", (event) => this.#clicked(event));
    this.newest.addEventListener("click", () => this.#toEnd());
    const sizes = new ResizeObserver(() => this.#keepUp());
    sizes.observe(this);
    sizes.observe(this.turns); // formulas and what comes into view grow late
    if (this.dataset.chat) this.#menu = new MessageMenu(this);
    for (const message of this.turns.querySelectorAll("chat-message")) this.#settle(message);
    if (this.turns.childElementCount) this.#toEnd();
    this.#watchEarlier();
    this.#tellRunning();
    if (location.hash.startsWith("#m")) this.#toMessage(location.hash.slice(1));
  }

  /** The message that is being written now, if any. */
  get running() {
    return [...this.#answers.values()].at(-1)?.element ?? null;
  }

  /** The first message here that is on the thread as the server knows it. */
  get #first() {
    return this.turns.querySelector("chat-message:not([data-held])")?.dataset.id;
  }

  /** Puts the server's HTML of new messages at the end. */
  append(html) {
    for (const message of parse(html).querySelectorAll("chat-message")) this.#place(message);
    document.getElementById("main").classList.remove("empty");
    document.querySelector(".hello")?.remove();
    this.#toEnd();
    this.#tellRunning();
  }

  /**
   * Shows what was sent from elsewhere: `message` asks, `answer` answers it. Returns the message's words if it
   * was not here before.
   */
  async catchUp({ message, answer }) {
    if (this.#answers.has(String(answer))) return "";
    const here = document.getElementById(`m${message}`);
    const known = here ?? [...this.turns.querySelectorAll("chat-message")].at(-1);
    await this.sync({ from: known?.dataset.id });
    const source = here ? null : document.querySelector(`#m${message} > template.source`);
    return source?.content.textContent ?? "";
  }

  /** Shows the thread as it is on the server now, `from` a message on; what has not changed stays untouched. */
  sync({ toEnd = false, from = "" } = {}) {
    this.#endWanted ||= toEnd;
    if (this.#syncing) {
      this.#syncAgain = true;
      return this.#syncing;
    }
    this.#syncing = this.#readThread(from).finally(() => {
      this.#syncing = null;
      if (!this.#syncAgain) return null;
      this.#syncAgain = false;
      return this.sync();
    });
    return this.#syncing;
  }

  async #readThread(from) {
    const first = from || this.#first || "";
    try {
      const page = await getPage(`${this.dataset.threadUrl}?from=${first}`);
      this.#arrange([...page.querySelectorAll("chat-message")], first);
      this.turns.querySelector('[name="seen"]')?.remove(); // from now on, this is the branch on which the chat stands
      if (!from || page.querySelector("chat-message")?.dataset.id !== from) this.#showEarlier(page);
    } catch (error) {
      flash(error.message);
      return;
    }
    document.getElementById("main").classList.toggle("empty", !this.turns.querySelector("chat-message"));
    if (this.#endWanted) this.#toEnd();
    else this.#keepUp();
    this.#endWanted = false;
    this.#tellRunning();
    document.dispatchEvent(new CustomEvent("thread-changed"));
  }

  /**
   * Puts messages into place, from `first` on; when that is not among them, they replace all. One that somebody
   * is just editing stays, wherever the thread goes.
   */
  #arrange(wanted, first) {
    const ids = new Set(wanted.map((message) => message.id));
    const present = [...this.turns.querySelectorAll("chat-message")];
    const goesOn = wanted[0]?.dataset.id === first;
    const begin = goesOn ? present.findIndex((message) => message.dataset.id === first) : 0;
    const concerned = present.filter((message, at) => at >= begin || "held" in message.dataset);
    for (const old of concerned) {
      const gone = !ids.has(old.id);
      old.toggleAttribute("data-held", gone);
      if (gone && !isEdited(old)) this.#remove(old);
    }
    let before = concerned.find((message) => ids.has(message.id)) ?? null;
    for (const message of wanted) {
      const old = document.getElementById(message.id);
      if (old) before = old.nextElementSibling;
      if (old && (isAsItWas(old, message) || this.#answers.has(old.dataset.id))) continue;
      if (old) this.#remove(old);
      this.turns.insertBefore(message, before);
      this.#settle(message);
    }
  }

  #showEarlier(page) {
    this.turns.querySelector(".earlier")?.remove();
    this.turns.prepend(...page.querySelectorAll(".earlier"));
    this.#watchEarlier();
  }

  /** Earlier messages come while one scrolls up; what is being read stays where it is. */
  async #earlierSeen(seen) {
    const line = seen.find((entry) => entry.isIntersecting)?.target;
    const first = this.#first;
    if (!line?.isConnected || line.dataset.asked === first) return;
    line.dataset.asked = first;
    try {
      const page = await getPage(`${this.dataset.threadUrl}?before=${first}`);
      const height = this.scrollHeight - this.scrollTop;
      const messages = [...page.querySelectorAll("chat-message")];
      line.replaceWith(...page.querySelectorAll(".earlier"), ...messages);
      for (const message of messages) this.#settle(message);
      this.scrollTop = this.scrollHeight - height;
      this.#watchEarlier();
      document.dispatchEvent(new CustomEvent("thread-changed"));
    } catch (error) {
      flash(error.message); // the line stays: it is a link, too
    }
  }

  #watchEarlier() {
    this.#sight.disconnect();
    const line = this.turns.querySelector(".earlier");
    if (line) this.#sight.observe(line);
  }

  #toMessage(id) {
    const message = document.getElementById(id);
    if (!message) return;
    this.#stuck = false;
    message.scrollIntoView({ block: "start" });
    message.classList.add("found");
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
    dressCode(message, { whole: "watched" in message.dataset });
    typeset(message);
    localise(message);
    this.#menu?.reopen(message);
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
      final.dataset.watched = ""; // what was seen whole is not folded under the reader
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
      await post(form.action, withModel(form));
      await this.sync({ toEnd: true });
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

function isAsItWas(present, message) {
  return present.dataset.version === message.dataset.version || isEdited(present);
}

function isEdited(message) {
  return message.querySelector(".editor") !== null;
}

/** Another try is made by the model that is chosen now: the last one may be gone. */
function withModel(form) {
  const body = new FormData(form);
  const chosen = document.querySelector("model-picker input:checked");
  if (chosen && form.dataset.action === "again") body.set("model", chosen.value);
  return body;
}

customElements.define("chat-log", ChatLog);
