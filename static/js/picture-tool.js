// <picture-tool>: the composer orders pictures while it is on; it may hold a picture to start from.
// While it is off, what is pasted or dropped is for the tray (picture-tray.js).
import { getPage } from "./http.js";
import { pictureIn, sendPicture } from "./picture-source.js";
import { keep, recall } from "./storage.js";
import { say } from "./words.js";

const FIRST = "picture:prompt-first";
const CHECK_EVERY = 10_000; // ms

class PictureTool extends HTMLElement {
  #sending = 0;
  #watching = 0;

  connectedCallback() {
    this.toggle = this.querySelector("[data-toggle]");
    this.options = this.querySelector(".picture-options");
    this.chip = this.querySelector(".source-chip");
    this.toggle.addEventListener("click", () => this.turn(!this.draws));
    this.querySelector("[data-file]").addEventListener("change", (event) => this.#picked(event));
    this.querySelector("[data-remove]").addEventListener("click", () => this.clear());
    this.#field("size").addEventListener("change", () => this.#showSize());
    this.#field("prompt_first").checked = Boolean(recall(FIRST));
    this.#field("prompt_first").addEventListener("change", ({ target }) => keep(FIRST, target.checked ? "1" : ""));
    this.addEventListener("click", ({ target }) => target.closest("[data-check]") && this.#check());
    this.addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("click", (event) => this.#clickedElsewhere(event));
    document.addEventListener("dragover", (event) => this.#dragged(event));
    document.addEventListener("dragleave", (event) => !event.relatedTarget && this.#hover(false));
    document.addEventListener("drop", (event) => this.#dropped(event));
    document.addEventListener("paste", (event) => this.#pasted(event));
    this.#takeFromAddress();
  }

  get draws() {
    return this.toggle.getAttribute("aria-pressed") === "true";
  }

  /** Whether there is a picture to start from. */
  get holds() {
    return !this.chip.hidden;
  }

  /** While a picture is on its way, nothing is ordered without it. */
  get busy() {
    return this.#sending > 0;
  }

  turn(on) {
    this.toggle.setAttribute("aria-pressed", String(on));
    this.options.hidden = !on;
    this.#changed();
    this.#watchSetup(on);
  }

  /** What is missing may come while somebody looks at the card that says so. */
  #watchSetup(on) {
    clearInterval(this.#watching);
    if (on && this.#card.querySelector("section")) this.#watching = setInterval(() => this.#check(), CHECK_EVERY);
  }

  get #card() {
    return this.querySelector("[data-setup-card]");
  }

  async #check() {
    let page;
    try {
      page = await getPage(this.dataset.setup);
    } catch {
      return; // the next look brings it
    }
    if (!this.isConnected) return;
    const fresh = page.querySelector("[data-setup-card]");
    if (fresh.textContent === this.#card.textContent) return; // a button in it keeps the focus
    this.#card.replaceWith(document.importNode(fresh, true));
    this.#watchSetup(this.draws);
  }

  disconnectedCallback() {
    clearInterval(this.#watching);
  }

  /** Takes a picture to start from: `source` was brought along, `image` was drawn here. */
  use({ source = 0, image = 0, url, name }) {
    this.#field("source").value = source || "";
    this.#field("source_image").value = image || "";
    this.chip.querySelector("img").src = url;
    this.chip.querySelector(".source-name").textContent = name;
    this.#showSource(true);
    this.turn(true);
  }

  clear() {
    this.#field("source").value = this.#field("source_image").value = "";
    this.chip.querySelector("img").removeAttribute("src");
    this.#showSource(false);
  }

  #field(name) {
    return this.querySelector(`[name=${name}]`);
  }

  #showSource(there) {
    this.chip.hidden = !there;
    this.querySelector("[data-size]").hidden = there;
    this.querySelector("[data-strength]").hidden = !there;
    this.#showSize();
  }

  #showSize() {
    const free = this.chip.hidden && this.#field("size").value === "free";
    const fields = this.querySelector(".picture-free");
    fields.hidden = fields.disabled = !free;
  }

  #changed(sentence = null) {
    this.dispatchEvent(new CustomEvent("picture-tool", { bubbles: true, detail: { sentence } }));
  }

  // Pictures that come in

  #picked({ target }) {
    const [file] = target.files;
    target.value = "";
    if (file) this.#send(file);
  }

  #dragged(event) {
    if (!this.draws || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#hover(true);
  }

  #dropped(event) {
    if (!this.draws || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#hover(false);
    const file = pictureIn(event.dataTransfer.files);
    if (file) this.#send(file);
    else this.#changed(say("no_picture"));
  }

  #pasted(event) {
    const file = this.draws && pictureIn(event.clipboardData?.files);
    if (!file) return;
    event.preventDefault();
    this.#send(file);
  }

  #hover(on) {
    this.closest("chat-composer").classList.toggle("dropping", on);
  }

  async #send(file) {
    this.turn(true);
    this.chip.classList.add("sending");
    this.chip.querySelector(".source-name").textContent = file.name;
    this.#showSource(true);
    this.#sending += 1;
    this.#changed();
    try {
      const kept = await sendPicture(this.dataset.upload, file);
      this.use({ source: kept.source_id, url: kept.thumb_url, name: kept.name });
    } catch (error) {
      this.clear();
      this.#changed(error.message);
    } finally {
      this.#sending -= 1;
      this.chip.classList.remove("sending");
    }
  }

  /** The gallery sends people here with ?source_image=…, the page of an upload with ?source=… */
  async #takeFromAddress() {
    const address = new URL(location.href);
    const image = taken(address, "source_image");
    const source = taken(address, "source");
    if (!image && !source) return;
    history.replaceState(history.state, "", address);
    try {
      const page = await getPage(image ? `/pictures/variants/${image}/` : `/pictures/sources/${source}/`);
      this.use({ image, source, url: page.querySelector(".viewed").dataset.thumb, name: "" });
    } catch (error) {
      this.#changed(error.message);
    }
  }

  // The small menu

  #pressed(event) {
    const more = this.querySelector(".picture-more[open]");
    if (event.key !== "Escape" || !more) return;
    event.stopPropagation();
    more.open = false;
    more.querySelector("summary").focus();
  }

  #clickedElsewhere({ target }) {
    const more = this.querySelector(".picture-more[open]");
    if (more && !more.contains(target)) more.open = false;
  }
}

/** Takes a row's number out of an address; 0 when it has none. */
function taken(address, name) {
  const value = address.searchParams.get(name) ?? "";
  address.searchParams.delete(name);
  return /^\d+$/.test(value) ? Number(value) : 0;
}

customElements.define("picture-tool", PictureTool);
