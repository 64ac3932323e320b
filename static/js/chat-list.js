// <chat-list>: the chats by day, in the browser's zone. htmx fetches it anew when something has changed.
import { flash } from "./flashes.js";
import { daysAgo } from "./times.js";
import { say } from "./words.js";

class ChatList extends HTMLElement {
  #stale = false;

  connectedCallback() {
    this.addEventListener("htmx:beforeRequest", (event) => this.#maybeWait(event));
    this.addEventListener("htmx:beforeSwap", (event) => this.#maybeKeep(event));
    this.addEventListener("htmx:afterSwap", () => this.#group());
    this.addEventListener("htmx:afterRequest", (event) => this.#changed(event));
    this.addEventListener("toggle", (event) => this.#toggled(event), true);
    this.#group();
  }

  #group() {
    let before = "";
    for (const row of this.querySelectorAll(".chat-row")) {
      const ago = daysAgo(new Date(row.dataset.time));
      const day = ago <= 0 ? "today" : ago === 1 ? "yesterday" : "earlier";
      if (day !== before) row.before(this.#heading(day));
      before = day;
    }
  }

  #heading(day) {
    const line = document.createElement("li");
    line.className = "day";
    const heading = document.createElement("h2");
    heading.textContent = this.dataset[day];
    line.append(heading);
    return line;
  }

  /** Nobody's half-typed title is swept away by a fresh list. */
  #maybeWait(event) {
    if (event.target !== this || !this.querySelector(".row-menu[open]")) return;
    this.#stale = true;
    event.preventDefault();
  }

  /** The same for a list that was on its way when the menu was opened. */
  #maybeKeep(event) {
    if (event.target !== this || !this.querySelector(".row-menu[open]")) return;
    this.#stale = true;
    event.detail.shouldSwap = false;
  }

  #toggled(event) {
    if (!event.target.matches(".row-menu")) return;
    if (event.target.open) {
      event.target.querySelector("input[name=title]").select();
    } else if (this.#stale && !this.querySelector(".row-menu[open]")) {
      this.#refresh();
    }
  }

  #changed(event) {
    const form = event.target.closest("form[data-quiet]");
    if (!form) return;
    if (!event.detail.successful) {
      flash(say("failed"));
      return;
    }
    const menu = form.closest(".row-menu");
    if (form.dataset.quiet === "delete" && form.dataset.chat === this.dataset.open) {
      location.assign("/");
      return;
    }
    menu.open = false;
    this.#refresh();
  }

  #refresh() {
    this.#stale = false;
    document.body.dispatchEvent(new CustomEvent("chats-changed"));
  }
}

customElements.define("chat-list", ChatList);
