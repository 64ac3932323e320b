// <image-job>: a picture while it is drawn. Previews blur in where the variants stay; the final row replaces it.
import { flash } from "./flashes.js";
import { getPage, post } from "./http.js";
import { live } from "./live.js";
import { say } from "./words.js";

class ImageJob extends HTMLElement {
  #leave = null;
  #waiting = false;

  connectedCallback() {
    this.addEventListener("submit", (event) => this.#act(event));
    if (!("running" in this.dataset)) return;
    this.#leave = live.follow("job", Number(this.dataset.job), (frame) => this.#receive(frame));
    document.addEventListener("card-shown", this.#placed);
  }

  disconnectedCallback() {
    this.#leave?.();
    document.removeEventListener("card-shown", this.#placed);
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
    else if (["image", "end", "error"].includes(frame.type)) this.#fresh();
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

  /** The server's row says it better: stage, finished variants, what went wrong. */
  async #fresh() {
    let page;
    try {
      page = await getPage(this.dataset.url);
    } catch {
      return; // the next event brings it
    }
    const fresh = page.querySelector("image-job");
    if (!fresh || !this.isConnected) return;
    for (const slot of this.querySelectorAll("[data-variant]")) {
      const other = fresh.querySelector(`[data-variant="${slot.dataset.variant}"]`);
      if (other?.querySelector("a") && !slot.querySelector("a")) slot.replaceWith(document.importNode(other, true));
    }
    if (!("running" in fresh.dataset)) {
      this.closest("chat-message").replaceWith(document.importNode(page.querySelector("chat-message"), true));
      document.body.dispatchEvent(new CustomEvent("chats-changed"));
    } else if (!this.#waiting) {
      this.#say(fresh.querySelector(".job-stage").textContent);
    }
  }

  async #act(event) {
    if (!event.target.matches("[data-job-action]")) return;
    event.preventDefault();
    event.target.querySelector("button").disabled = true;
    try {
      await post(event.target.action, new FormData(event.target));
    } catch (error) {
      flash(error.message);
    }
  }
}

customElements.define("image-job", ImageJob);
