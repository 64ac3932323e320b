// A finger opens the drawer from the left edge and pushes it shut again.
const EDGE = 28; // px from the left where a finger may begin to open it
const ENOUGH = 56; // px after which letting go means it
const CLEAR = 8; // px after which a finger that moves up or down scrolls
const narrow = matchMedia("(max-width: 760px)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class DrawerSwipe {
  #drawer;
  #from = null;

  constructor(drawer) {
    this.#drawer = drawer;
    document.addEventListener("pointerdown", (event) => this.#began(event));
    document.addEventListener("pointermove", (event) => this.#moved(event));
    document.addEventListener("pointerup", (event) => this.#ended(event));
    document.addEventListener("pointercancel", () => this.#letGo());
  }

  #began({ pointerType, isPrimary, clientX, clientY }) {
    this.#letGo();
    const taken = pointerType !== "touch" || !isPrimary || !narrow.matches || document.querySelector("dialog[open]");
    if (!taken && (this.#drawer.isOpen || clientX < EDGE)) this.#from = { x: clientX, y: clientY };
  }

  #moved({ clientX, clientY }) {
    if (!this.#from) return;
    const across = clientX - this.#from.x;
    const down = Math.abs(clientY - this.#from.y);
    const { side } = this.#drawer;
    const dragged = side.classList.contains("dragged");
    if (!dragged && down > CLEAR && down > Math.abs(across)) this.#from = null;
    else if (!still.matches && (dragged || Math.abs(across) > CLEAR)) this.#follow(side, across);
  }

  #follow(side, across) {
    const shut = -side.offsetWidth;
    const at = this.#drawer.isOpen ? across : shut + across;
    side.classList.add("dragged");
    side.style.transform = `translateX(${Math.max(shut, Math.min(0, at))}px)`;
  }

  #ended({ clientX }) {
    if (!this.#from) return;
    const across = clientX - this.#from.x;
    this.#letGo();
    if (this.#drawer.isOpen && across < -ENOUGH) this.#drawer.close();
    else if (!this.#drawer.isOpen && across > ENOUGH) this.#drawer.open();
  }

  #letGo() {
    this.#from = null;
    this.#drawer.side.classList.remove("dragged");
    this.#drawer.side.style.transform = "";
  }
}
