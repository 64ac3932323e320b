// News of answers that ended elsewhere: a sign in the tab's title until they have been looked at.
import { post } from "./http.js";

const SIGN = "● ";

export class Unread {
  #unseen = false;
  #list = document.querySelector("chat-list");
  #log = document.querySelector("chat-log");

  constructor() {
    document.addEventListener("visibilitychange", () => this.#looked());
    document.addEventListener("list-changed", () => this.#sign());
    this.#unseen = this.#log?.hasAttribute("data-unread") ?? false; // it may stand far down the list, or not in it
    this.#looked();
  }

  /** An answer has ended: in the chat that is looked at, that is no news. */
  ended({ chat }) {
    const here = String(chat) === this.#log?.dataset.chat;
    if (here && !document.hidden) this.#read();
    else if (here) this.#unseen = true;
    this.#sign();
  }

  #looked() {
    if (document.hidden || !this.#log?.dataset.chat) return;
    if (this.#unseen || this.#openRow?.classList.contains("unread")) this.#read();
    this.#unseen = false;
    this.#sign();
  }

  get #openRow() {
    return this.#list?.querySelector(`.chat-row[data-id="${this.#log?.dataset.chat}"]`);
  }

  async #read() {
    this.#openRow?.classList.remove("unread");
    this.#openRow?.querySelector(".fresh")?.remove();
    try {
      await post(`/chats/${this.#log.dataset.chat}/read/`);
    } catch {
      // it stays unread, which is no harm
    }
  }

  #sign() {
    const plain = document.title.startsWith(SIGN) ? document.title.slice(SIGN.length) : document.title;
    document.title = this.#unseen || this.#list?.unread ? SIGN + plain : plain;
  }
}
