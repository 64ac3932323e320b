// <context-gauge>: how much of the chat the model sees; it draws the line above which it sees nothing.
import { flash } from "./flashes.js";
import { getPage, post } from "./http.js";
import { keep, recall } from "./storage.js";

const SOON = 250; // ms, so that several news are one question

class ContextGauge extends HTMLElement {
  #timer = 0;
  #shown = "";

  connectedCallback() {
    this.log = document.querySelector("chat-log");
    document.addEventListener("running-changed", ({ detail }) => detail.running || this.#soon());
    document.addEventListener("thread-changed", () => this.#soon());
    document.body.addEventListener("models-changed", () => this.#soon());
    document.querySelector("model-picker")?.addEventListener("change", () => this.#soon());
    for (const place of [this, this.log]) place.addEventListener("submit", (event) => this.#sumUp(event));
    this.slowPlace = document.querySelector(".slow-place");
    this.slowPlace.addEventListener("click", ({ target }) => this.#quieten(target.closest("[data-slow-ok]")));
    document.addEventListener("pointerdown", ({ target }) => this.contains(target) || this.#close());
    this.addEventListener("keydown", (event) => this.#pressed(event));
    this.#soon();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#read(), SOON);
  }

  async #read() {
    if (!this.log.dataset.chat) return;
    const model = document.querySelector("model-picker input:checked")?.value ?? "";
    try {
      const page = await getPage(`${this.dataset.url}?model=${encodeURIComponent(model)}`);
      this.#show(page);
    } catch {
      // the gauge is no reason to disturb: it comes with the next answer
    }
  }

  #show(page) {
    const html = page.body.innerHTML;
    if (html !== this.#shown) {
      const open = this.querySelector(".gauge")?.open;
      this.#shown = html;
      this.replaceChildren(...page.body.childNodes);
      if (open) this.querySelector(".gauge").open = true;
      this.#showSlow();
    }
    this.#drawLine();
  }

  /** A word on a slow model stands at the composer, a quiet one until it has been read. */
  #showSlow() {
    const slow = this.querySelector(".slow");
    const known = slow && !slow.classList.contains("loud") && recall(`slow:${slow.dataset.slow}`);
    slow?.remove();
    this.slowPlace.replaceChildren(...(slow && !known ? [slow] : []));
  }

  #drawLine() {
    this.log.querySelector(".cut-line")?.remove();
    const template = this.querySelector("template.cut");
    const first = template && document.getElementById(`m${this.querySelector(".gauge").dataset.cut}`);
    if (first) first.before(template.content.cloneNode(true));
  }

  async #sumUp(event) {
    const form = event.target.closest("form[data-summarise]");
    if (!form) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await post(form.action, new FormData(form));
      this.#close();
      await this.log.sync();
      this.log.running?.scrollIntoView({ block: "center" });
    } catch (error) {
      flash(error.message);
    } finally {
      button.disabled = false;
    }
  }

  #quieten(button) {
    if (!button) return;
    const line = button.closest(".slow");
    keep(`slow:${line.dataset.slow}`, "told");
    line.remove();
  }

  #close() {
    const gauge = this.querySelector(".gauge[open]");
    if (gauge) gauge.open = false;
  }

  #pressed(event) {
    if (event.key !== "Escape" || !this.querySelector(".gauge[open]")) return;
    event.stopPropagation();
    this.#close();
    this.querySelector("summary").focus();
  }
}

customElements.define("context-gauge", ContextGauge);
