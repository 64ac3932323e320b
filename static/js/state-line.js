// <state-line>: what a running answer is doing, in one calm line. Only the words are announced, not the seconds.
import { number, say } from "./words.js";

const COUNTED = new Set(["queued", "waiting", "loading", "thinking"]);
const QUIET = 3; // seconds before they are shown
const LONGEST = 3_600_000; // ms; an older beginning means that two clocks disagree

class StateLine extends HTMLElement {
  #words = document.createElement("span");
  #seconds = document.createElement("span");
  #since = Date.now();
  #timer = 0;

  connectedCallback() {
    this.#words.setAttribute("role", "status");
    this.#words.className = "state-words";
    this.#seconds.setAttribute("aria-hidden", "true");
    this.#seconds.className = "state-seconds";
    const dot = document.createElement("span");
    dot.className = "state-dot";
    this.replaceChildren(dot, this.#words, this.#seconds);
    this.show(this.dataset.code);
    this.#timer = setInterval(() => this.#count(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  /** Says where in line a queued answer is; the seconds go on. */
  place(about) {
    if (this.dataset.code === "queued") this.show("queued", about, this.#since);
  }

  /** Shows a state; `since` is when it began, in ms. */
  show(code, about = {}, since = Date.now()) {
    const age = Date.now() - since;
    this.#since = age >= 0 && age < LONGEST ? since : Date.now();
    this.dataset.code = code;
    const sentence = describe(code, { ...about, model: this.dataset.model }); // as people know it
    if (this.#words.textContent !== sentence) this.#words.textContent = sentence;
    this.#count();
  }

  #count() {
    const seconds = Math.floor((Date.now() - this.#since) / 1000);
    const counts = COUNTED.has(this.dataset.code) && seconds >= QUIET;
    this.#seconds.textContent = counts ? say("seconds", { n: seconds }) : "";
  }
}

function describe(code, about) {
  const { model = "", gb, usual } = about;
  if (code === "queued" && about.place) return say(about.expected ? "queued_place" : "queued_place_alone", about);
  if (code !== "loading") return say(code) || say("streaming");
  const name = usual && gb ? "loading_usual" : gb ? "loading_size" : "loading";
  return say(name, { model, gb: number(gb ?? 0), usual });
}

customElements.define("state-line", StateLine);
