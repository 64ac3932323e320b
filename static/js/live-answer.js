// One running answer on the page: its frames become text, thoughts and a state, until the final row replaces it.
import { getPage } from "./http.js";
import { GrowingText } from "./growing-text.js";
import { live } from "./live.js";
import { say } from "./words.js";

const PATIENCE = 300_000; // ms until somebody who keeps waiting is asked again
const FRAME = 16; // ms
const LONGEST_REST = 250; // ms between two paintings
const RETRY = 1500; // ms between tries to fetch the final answer

// Who writes a question will read an answer.
document.addEventListener("input", () => import("./markdown.js"), { once: true });

export class LiveAnswer {
  #element;
  #prose;
  #shown = null; // what turns Markdown into elements comes with the first answer
  #sources = [];
  #text = new GrowingText();
  #thinking = new GrowingText();
  #frame = 0;
  #rested = 0; // when painting may go on
  #ended = false;
  #leave;
  #placed = ({ detail }) => this.#showPlace(detail);
  #patient = 0;
  #onChange;
  #onEnd;

  /** `onChange()` is called after each painting, `onEnd(element)` with the final message, null if it is gone. */
  constructor(element, { onChange, onEnd }) {
    this.#element = element;
    this.#prose = element.querySelector(".prose");
    this.#prepare();
    this.#onChange = onChange;
    this.#onEnd = onEnd;
    document.addEventListener("card-shown", this.#placed);
    this.#leave = live.follow("message", Number(element.dataset.id), (frame) => this.#receive(frame));
  }

  async #prepare() {
    const { StreamingMarkdown } = await import("./markdown.js");
    this.#shown = new StreamingMarkdown(this.#prose);
    this.#shown.cite(this.#sources);
    this.#shown.update(this.#text.text); // even if it has ended: the final message may be long in coming
    this.#onChange();
  }

  get element() {
    return this.#element;
  }

  /** Stops listening, when the message leaves the page. */
  drop() {
    this.#ended = true;
    this.#leave();
    document.removeEventListener("card-shown", this.#placed);
    cancelAnimationFrame(this.#frame);
  }

  #receive(frame) {
    if (this.#ended) return;
    if (frame.type === "text") this.#grow(this.#text, frame);
    else if (frame.type === "thinking") this.#grow(this.#thinking, frame);
    else if (frame.type === "status") this.#showState(frame);
    else if (frame.type === "sources") this.#cite(frame.sources);
    else if (frame.type === "notice") this.#showNotice(frame);
    else if (frame.type === "end" || frame.type === "error") this.#finish();
  }

  #cite(sources) {
    this.#sources = sources;
    this.#shown?.cite(sources);
  }

  #grow(growing, frame) {
    const outcome = growing.add(frame);
    if (outcome === "gap") {
      live.replay("message", Number(this.#element.dataset.id));
      return;
    }
    if (outcome === "rewound" && growing === this.#text) this.#shown = this.#shown?.anew() ?? null;
    if (frame.text) this.#stateLine?.show(growing === this.#text ? "streaming" : "thinking", {}, beginning(frame));
    this.#frame ||= requestAnimationFrame((now) => this.#paintInTime(now));
  }

  /** Paints each frame, or less often if that takes long: the page stays quick to the touch. */
  #paintInTime(now) {
    if (now < this.#rested) {
      this.#frame = requestAnimationFrame((next) => this.#paintInTime(next));
      return;
    }
    this.#paint();
    const spent = performance.now() - now;
    if (spent > FRAME / 2) this.#rested = performance.now() + Math.min(3 * spent, LONGEST_REST);
  }

  #paint() {
    this.#frame = 0;
    if (this.#ended) return;
    this.#shown?.update(this.#text.text);
    if (this.#thinking.text) {
      this.#element.querySelector(".fold").hidden = false;
      this.#element.querySelector(".thoughts").textContent = this.#thinking.text;
    }
    this.#onChange();
  }

  get #stateLine() {
    return this.#element.querySelector("state-line");
  }

  #showState(frame) {
    if (frame.status === "streaming" && this.#stateLine?.dataset.code === "thinking") return;
    this.#stateLine?.show(frame.status, frame, beginning(frame));
  }

  #showPlace({ mine, standsStill }) {
    const here = mine.find((entry) => entry.mine === "message" && entry.row === this.#element.dataset.id);
    if (here) this.#stateLine?.place(here);
    const asked = this.#element.querySelector(".stands-still");
    if (!here || !standsStill) asked?.remove();
    else if (!asked && Date.now() > this.#patient) this.#ask();
  }

  /** The line stands still: the person decides, and nothing happens meanwhile. */
  #ask() {
    const line = document.createElement("p");
    line.className = "notice stands-still";
    const keep = document.createElement("button");
    keep.type = "button";
    keep.className = "button small";
    keep.textContent = say("keep_waiting");
    keep.addEventListener("click", () => {
      this.#patient = Date.now() + PATIENCE;
      line.remove();
    });
    line.append(`${say("stands_still")} `, keep);
    this.#prose.after(line);
  }

  #showNotice(frame) {
    const failedSearch = frame.code.startsWith("search_") ? say("search_failed") : "";
    const sentence = say(frame.code, frame) || failedSearch;
    if (!sentence || this.#element.querySelector(`.notice[data-code="${frame.code}"]`)) return;
    const line = document.createElement("p");
    line.className = "notice";
    line.dataset.code = frame.code;
    line.textContent = sentence;
    this.#prose.after(line);
  }

  async #finish() {
    this.#paint();
    this.drop();
    for (;;) {
      try {
        const page = await getPage(this.#element.dataset.url);
        this.#onEnd(page.querySelector("chat-message"));
        return;
      } catch (error) {
        if (error.status === 404 || error.signedOut) {
          this.#onEnd(null);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }
}

/** A frame's seq begins with the server's time in ms. */
function beginning(frame) {
  return Number.parseInt(frame.seq ?? "", 10) || Date.now();
}
