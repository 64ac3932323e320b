// What can be done with a chat of the list: one menu for all rows.
import { flash } from "./flashes.js";
import { post } from "./http.js";
import { putBeside } from "./placing.js";
import { say } from "./words.js";

/** The chats that this page itself has deleted: their end is no news to it. */
export const deletedHere = new Set();

export class ChatMenu {
  #list;
  #menu = document.getElementById("row-menu");
  #row = null;
  #opener = null;

  constructor(list) {
    this.#list = list;
    if (!this.#menu) return;
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("contextmenu", (event) => this.#clicked(event, ".chat-row"));
    this.#menu.addEventListener("click", ({ target }) => this.#chosen(target.closest("[data-do]")));
    this.#menu.addEventListener("submit", (event) => this.#renamed(event));
    this.#menu.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed") this.#opener?.focus({ preventScroll: true });
    });
    for (const link of this.#menu.querySelectorAll("a[href*='/0/']")) link.dataset.href = link.getAttribute("href");
  }

  #clicked(event, where = "[data-row-more]") {
    const row = event.target.closest(where)?.closest(".chat-row");
    if (!row || (event.type === "contextmenu" && event.shiftKey)) return;
    event.preventDefault();
    this.#open(row);
  }

  #open(row) {
    this.#row = row;
    this.#opener = row.querySelector("[data-row-more]");
    const title = this.#menu.querySelector("input[name=title]");
    title.value = row.querySelector(".chat-title").textContent;
    const pin = this.#menu.querySelector("[data-do=pin]");
    pin.dataset.words ??= pin.textContent;
    pin.textContent = "pinned" in row.dataset ? pin.dataset.other : pin.dataset.words;
    for (const link of this.#menu.querySelectorAll("[data-href]")) link.href = this.#address(link.dataset.href);
    for (const inner of this.#menu.querySelectorAll("details")) inner.open = false;
    this.#menu.showPopover();
    putBeside(this.#menu, this.#opener.getBoundingClientRect());
    title.select();
  }

  #address(template) {
    return template.replace("/0/", `/${this.#row.dataset.id}/`);
  }

  #renamed(event) {
    event.preventDefault();
    this.#do("rename", new FormData(event.target));
  }

  #chosen(item) {
    if (item) this.#do(item.dataset.do);
  }

  async #do(what, body) {
    const base = this.#address(this.#menu.dataset.base);
    this.#menu.hidePopover();
    if (what === "delete") deletedHere.add(this.#row.dataset.id);
    try {
      await post(`${base}${what}/`, body);
    } catch (error) {
      flash(error.message);
      return;
    }
    refresh();
    const undo = { delete: ["chat_deleted", "restore"], archive: ["chat_archived", "archive"] }[what];
    if (undo) flash(say(undo[0]), { label: say("undo"), act: () => bringBack(`${base}${undo[1]}/`) });
  }
}

/** Undoes what was done to a chat; `address` is where that is asked for. */
export async function bringBack(address) {
  try {
    await post(address);
    document.getElementById("main").classList.remove("gone");
  } catch (error) {
    flash(error.message);
  }
  refresh();
}

function refresh() {
  document.body.dispatchEvent(new CustomEvent("chats-changed"));
}
