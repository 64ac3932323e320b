// <plus-menu>: what can go along with the next message, or be made instead of it.
const GAP = 6; // px above the button

class PlusMenu extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("[popovertarget]");
    this.menu = this.querySelector("[popover]");
    this.menu.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#place());
    this.menu.addEventListener("change", () => this.menu.hidePopover());
    this.querySelector("[data-dialog]")?.addEventListener("click", () => this.menu.hidePopover());
    this.querySelector("[data-create]")?.addEventListener("click", () => this.#create());
  }

  #place() {
    const { left, top } = this.button.getBoundingClientRect();
    this.menu.style.left = `${left}px`;
    this.menu.style.bottom = `${innerHeight - top + GAP}px`;
  }

  #create() {
    this.menu.hidePopover();
    const composer = this.closest("chat-composer");
    composer.querySelector("picture-tool").turn(true);
    composer.querySelector("textarea").focus();
  }
}

customElements.define("plus-menu", PlusMenu);
