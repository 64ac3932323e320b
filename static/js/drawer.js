// On a phone the sidebar is a drawer. Without scripts it opens by its anchor alone.
import { DrawerSwipe } from "./drawer-swipe.js";

export class Drawer {
  constructor() {
    this.side = document.getElementById("side");
    this.main = document.getElementById("main");
    this.curtain = document.querySelector(".curtain");
    this.opener = document.querySelector(".menu-button");
    this.opener.setAttribute("role", "button");
    this.opener.setAttribute("aria-expanded", "false");
    this.opener.setAttribute("aria-controls", "side");
    this.opener.addEventListener("click", (event) => this.#openBy(event));
    this.opener.addEventListener("keydown", (event) => event.key === " " && this.#openBy(event));
    this.side.querySelector(".close-button").addEventListener("click", (event) => this.#closeBy(event));
    this.curtain.addEventListener("click", (event) => this.#closeBy(event));
    matchMedia("(min-width: 761px)").addEventListener("change", () => this.close());
    new DrawerSwipe(this);
  }

  get isOpen() {
    return this.side.classList.contains("open");
  }

  close() {
    if (!this.isOpen) return;
    this.side.classList.remove("open");
    this.curtain.hidden = true;
    this.main.inert = false;
    this.opener.setAttribute("aria-expanded", "false");
    this.opener.focus();
  }

  open() {
    this.side.classList.add("open");
    this.curtain.hidden = false;
    this.main.inert = true;
    this.opener.setAttribute("aria-expanded", "true");
    this.side.querySelector(".close-button").focus();
  }

  #openBy(event) {
    event.preventDefault();
    this.open();
  }

  #closeBy(event) {
    event.preventDefault();
    this.close();
  }
}
