// <chat-list>: the chats by day, in the browser's zone. htmx fetches it anew when something has changed, as long
// as it was, and the next run of it when one scrolls to its end.
import { ChatMenu } from "./chat-menu.js";
import { daysAgo } from "./times.js";
import { language } from "./words.js";

const month = new Intl.DateTimeFormat(language, { month: "long", year: "numeric" });

class ChatList extends HTMLElement {
  connectedCallback() {
    this.menu = new ChatMenu(this);
    this.addEventListener("htmx:configRequest", (event) => this.#ask(event));
    this.addEventListener("htmx:afterSwap", () => this.#swapped());
    this.#group();
  }

  /** How many chats of the list have news, besides the one that is open. */
  get unread() {
    return [...this.querySelectorAll(".chat-row.unread")].filter(({ dataset }) => dataset.id !== this.dataset.open)
      .length;
  }

  /** A fresh list is as long as the old one, so that nobody loses the place where they were. */
  #ask(event) {
    if (event.target === this) event.detail.parameters.rows = this.querySelectorAll(".chat-row").length;
  }

  #swapped() {
    this.#group();
    document.dispatchEvent(new CustomEvent("list-changed"));
  }

  #group() {
    for (const old of this.querySelectorAll(".day")) old.remove();
    let before = "";
    for (const row of this.querySelectorAll(".chat-row")) {
      const name = this.#groupOf(row);
      if (name !== before) row.before(heading(name));
      before = name;
    }
  }

  #groupOf({ dataset }) {
    if ("pinned" in dataset) return this.dataset.pinned;
    const date = new Date(dataset.time);
    const ago = daysAgo(date);
    if (ago <= 0) return this.dataset.today;
    if (ago === 1) return this.dataset.yesterday;
    if (ago <= 7) return this.dataset.week;
    if (ago <= 30) return this.dataset.month;
    return month.format(date);
  }
}

function heading(name) {
  const line = document.createElement("li");
  line.className = "day";
  const words = document.createElement("h2");
  words.textContent = name;
  line.append(words);
  return line;
}

customElements.define("chat-list", ChatList);
