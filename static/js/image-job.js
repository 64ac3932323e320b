// <image-job>: a picture while it is drawn. Previews blur in where the variants stay; the final row replaces it.
import { flash } from "./flashes.js";
import { getPage, post } from "./http.js";
import { live } from "./live.js";
import { say } from "./words.js";

const FIRST_PAUSE = 1000; // ms until the final row is asked for again
const LONGEST_PAUSE = 30_000;

class ImageJob extends HTMLElement {
  #leave = null;
  #waiting = false;

  connectedCallback() {
    this.addEventListener("submit", (event) => this.#act(event));
    this.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("picture-chosen", this.#changed);
    document.addEventListener("picture-changed", this.#changed);
    if (!("running" in this.dataset)) return;
    this.#leave = live.follow("job", Number(this.dataset.job), (frame) => this.#receive(frame));
    document.addEventListener("card-shown", this.#placed);
  }

  disconnectedCallback() {
    this.#leave?.();
    document.removeEventListener("card-shown", this.#placed);
    document.removeEventListener("picture-chosen", this.#changed);
    document.removeEventListener("picture-changed", this.#changed);
  }

  #changed = ({ detail }) => {
    if (detail.job === this.dataset.job) this.#renew();
  };

  /** The composer takes a finished picture to start from. */
  #clicked(event) {
    const source = event.target.closest("[data-use-source]");
    const composer = document.querySelector("chat-composer");
    if (!source || !composer?.use) return;
    event.preventDefault();
    composer.use({ image: Number(source.dataset.useSource), url: source.dataset.thumb, name: "" });
  }

  #placed = ({ detail }) => {
    const here = detail.mine.find((entry) => ["think", "draw"].includes(entry.mine) && entry.row === this.dataset.job);
    this.#waiting = Boolean(here);
    if (here) this.#say(say(here.expected ? "queued_place" : "queued_place_alone", here));
  };

  #receive(frame) {
    if (frame.type === "status") this.#fresh();
    else if (frame.type === "progress") this.#progress(frame);
    else if (frame.type === "preview") this.#preview(frame);
    else if (frame.type === "end") this.#finish();
    else if (["image", "error"].includes(frame.type)) this.#fresh();
  }

  #say(words) {
    const stage = this.querySelector(".job-stage");
    if (stage && stage.textContent !== words) stage.textContent = words;
  }

  #progress({ variant, value, max }) {
    const bar = this.querySelector("progress");
    if (!bar || !max) return;
    const all = this.querySelectorAll("[data-variant]").length;
    bar.hidden = false;
    bar.value = (variant + value / max) / all;
    this.#say(all > 1 ? say("drawing_variant", { n: variant + 1, all }) : say("drawing"));
  }

  #preview({ variant, data }) {
    const slot = this.querySelector(`[data-variant="${variant}"]`);
    if (!slot || slot.querySelector("a")) return;
    let image = slot.querySelector("img.preview");
    if (!image) {
      image = document.createElement("img");
      image.className = "preview";
      image.alt = "";
      slot.append(image);
    }
    image.src = data;
  }

  /** Nothing comes after the end: the final row is asked for until it is here. */
  async #finish(pause = FIRST_PAUSE) {
    const status = await this.#fresh();
    const trouble = status === 0 || status >= 500;
    if (trouble && this.isConnected) setTimeout(() => this.#finish(Math.min(2 * pause, LONGEST_PAUSE)), pause);
  }

  /** The server's row says it better: stage, finished variants, what went wrong. Returns the answer's status. */
  async #fresh() {
    let page;
    try {
      page = await getPage(this.dataset.url);
    } catch (error) {
      return error.status; // the next event brings it
    }
    this.#show(page);
    return 200;
  }

  #show(page) {
    const fresh = page.querySelector("image-job");
    if (!fresh || !this.isConnected) return;
    for (const slot of this.querySelectorAll("[data-variant]")) {
      const other = fresh.querySelector(`[data-variant="${slot.dataset.variant}"]`);
      if (other?.querySelector("a") && !slot.querySelector("a")) slot.replaceWith(document.importNode(other, true));
    }
    const over = !("running" in fresh.dataset);
    // What somebody is changing in the prompt stays under their hands.
    const review = Boolean(fresh.querySelector("[data-review]")) !== Boolean(this.querySelector("[data-review]"));
    if (over || review) this.#replace(page);
    else if (!this.#waiting) this.#say(fresh.querySelector(".job-stage").textContent);
    if (over) document.body.dispatchEvent(new CustomEvent("chats-changed"));
  }

  #replace(page) {
    this.closest("chat-message").replaceWith(document.importNode(page.querySelector("chat-message"), true));
  }

  /** Takes the row as it is now; one that was deleted goes. */
  async #renew() {
    try {
      this.#replace(await getPage(this.dataset.url));
    } catch (error) {
      if (error.status === 404) this.closest("chat-message").remove();
      else flash(error.message);
    }
  }

  async #act(event) {
    if (!event.target.matches("[data-job-action]")) return;
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector("button");
    button.disabled = true;
    try {
      await post(button.getAttribute("formaction") ?? event.target.action, new FormData(event.target));
      await this.#renew();
    } catch (error) {
      button.disabled = false;
      flash(error.message);
    }
  }
}

customElements.define("image-job", ImageJob);
