// <pull-card>: a model worth having, its command, and for an admin the download with its progress.
import { post } from "./http.js";
import { live, pageMade } from "./live.js";
import { number, say } from "./words.js";

class PullCard extends HTMLElement {
  #begun = false;

  connectedCallback() {
    this.form = this.querySelector("form");
    if (!this.form) return;
    this.bar = this.querySelector("progress");
    this.line = this.querySelector(".pulling-text");
    this.form.addEventListener("submit", (event) => this.#submitted(event));
    const receive = (frame) => this.#receive(frame);
    this.leave = live.follow("pull", this.dataset.model, receive, { after: pageMade });
  }

  disconnectedCallback() {
    this.leave?.();
  }

  async #submitted(event) {
    event.preventDefault();
    this.#show(say("pull_starting"));
    try {
      await post(this.form.action, new FormData(this.form));
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #receive(frame) {
    if (frame.type !== "pull") return;
    if (frame.error) this.#fail(say("pull_failed", { why: frame.error }));
    else if (frame.cancelled) this.#fail(say("pull_cancelled"));
    else if (frame.done) this.#show(say("pull_done"), 1);
    else if (frame.total) this.#show(this.#progress(frame), (frame.completed ?? 0) / frame.total);
    else this.#show(say(this.#begun ? "pull_finishing" : "pull_starting"));
    this.#begun ||= Boolean(frame.total);
  }

  #progress({ completed = 0, total }) {
    return say("pull_progress", { done: number(completed / 1e9), total: number(total / 1e9) });
  }

  #show(sentence, part) {
    this.form.hidden = true;
    this.querySelector(".pulling").hidden = false;
    this.line.textContent = sentence;
    if (part === undefined) this.bar.removeAttribute("value");
    else this.bar.value = part;
  }

  #fail(sentence) {
    this.#show(sentence, 0);
    this.form.hidden = false;
  }
}

customElements.define("pull-card", PullCard);
