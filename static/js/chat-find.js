// <chat-find>: the field over the chats; while there is a query, what it finds stands in their place.
import { localise } from "./times.js";

const EDITABLE = "input, textarea, select, [contenteditable]";

class ChatFind extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("input");
    this.results = this.querySelector(".find-results");
    this.field.addEventListener("input", () => this.#show());
    this.addEventListener("keydown", (event) => this.#pressed(event));
    this.addEventListener("htmx:beforeSwap", (event) => this.#maybeLate(event));
    this.addEventListener("htmx:afterSwap", () => this.#say());
    this.addEventListener("htmx:beforeRequest", (event) => this.#maybeNone(event));
    document.addEventListener("keydown", (event) => this.#hotkey(event));
    this.#show();
    if (this.field.value) this.#ask(); // the browser has brought it back
  }

  #show() {
    const asked = this.field.value.trim() !== "";
    this.toggleAttribute("data-on", asked);
    this.results.hidden = !asked;
    if (!asked) this.results.replaceChildren();
  }

  #ask() {
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Escape leaves the results first, then the field; nothing else on the page takes it. */
  #pressed(event) {
    if (event.key !== "Escape" || event.isComposing) return;
    if (!this.field.value && event.target !== this.field) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.field.value) this.field.blur();
    else this.field.focus();
    this.field.value = "";
    this.#ask();
  }

  #hotkey(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(EDITABLE) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.field.focus();
    this.field.select();
  }

  #maybeNone(event) {
    if (!this.field.value.trim()) event.preventDefault();
  }

  /** What comes when the field is empty again has come too late. */
  #maybeLate(event) {
    if (event.detail.target === this.results && !this.field.value.trim()) event.detail.shouldSwap = false;
  }

  #say() {
    localise(this.results);
    this.querySelector("[role=status]").textContent = this.querySelector(".find-list")?.dataset.said ?? "";
  }
}

customElements.define("chat-find", ChatFind);
