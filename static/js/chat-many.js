// <chat-many>: chats to choose from, several at once; shift chooses all between two.
import { localise } from "./times.js";

class ChatMany extends HTMLElement {
  #last = null;

  connectedCallback() {
    localise(this);
    this.boxes = [...this.querySelectorAll("input[name=chat]")];
    this.all = this.querySelector("[data-all]");
    this.all?.addEventListener("change", () => this.#chooseAll());
    this.addEventListener("click", (event) => this.#clicked(event));
    this.#count();
  }

  #chooseAll() {
    for (const box of this.boxes) box.checked = this.all.checked;
    this.#count();
  }

  #clicked(event) {
    const box = event.target;
    if (!this.boxes.includes(box)) return;
    if (event.shiftKey && this.#last) this.#chooseBetween(this.#last, box);
    this.#last = box;
    this.#count();
  }

  #chooseBetween(first, last) {
    const [from, to] = [this.boxes.indexOf(first), this.boxes.indexOf(last)].sort((a, b) => a - b);
    for (const box of this.boxes.slice(from, to + 1)) box.checked = last.checked;
  }

  #count() {
    const chosen = this.boxes.filter((box) => box.checked).length;
    if (this.all) this.all.checked = chosen > 0 && chosen === this.boxes.length;
    for (const button of this.querySelectorAll(".many-bar button")) button.disabled = !chosen;
  }
}

customElements.define("chat-many", ChatMany);
