// <picture-gallery>: tiles that can be chosen; what is deleted can be brought back at once.
import { flash } from "./flashes.js";
import { post } from "./http.js";
import { say } from "./words.js";

class PictureGallery extends HTMLElement {
  #last = null;

  connectedCallback() {
    this.addEventListener("click", (event) => this.#clicked(event));
    this.addEventListener("change", () => this.#count());
    this.addEventListener("reset", () => setTimeout(() => this.#count()));
    this.addEventListener("submit", (event) => this.#submitted(event));
    this.addEventListener("htmx:afterSettle", () => this.#count());
    this.addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("pictures-deleted", ({ detail }) => this.#deleted(detail));
    this.#count();
  }

  get #boxes() {
    return [...this.querySelectorAll(".tile input[type=checkbox]")];
  }

  /** Shift takes all between two, as in every list of files. */
  #clicked(event) {
    const box = event.target.closest(".tile input[type=checkbox]");
    if (!box) return;
    const boxes = this.#boxes;
    if (event.shiftKey && this.#last?.isConnected) {
      const [from, to] = [boxes.indexOf(this.#last), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    }
    this.#last = box;
  }

  #pressed(event) {
    if (event.key === "Escape" && this.#boxes.some((box) => box.checked)) {
      event.stopPropagation();
      this.querySelector(".gallery-found").reset();
    }
  }

  #count() {
    const count = this.#boxes.filter((box) => box.checked).length;
    this.classList.toggle("choosing", count > 0);
    const told = this.querySelector(".gallery-count");
    if (told) told.textContent = count ? say("chosen", { n: count }) : "";
  }

  async #submitted(event) {
    const form = event.target.closest(".gallery-found");
    if (!form || event.submitter?.dataset.native !== undefined) return;
    event.preventDefault();
    const body = new FormData(form);
    try {
      const told = await post(form.action, body);
      const jobs = body.getAll("job");
      document.dispatchEvent(new CustomEvent("pictures-deleted", { detail: { ...told, jobs } }));
    } catch (error) {
      flash(error.message);
    }
  }

  #deleted({ images, jobs, sentence }) {
    for (const job of jobs) this.querySelector(`.tile[data-job="${job}"]`)?.remove();
    this.#count();
    offerUndo(sentence, images);
  }
}

/** Says what was deleted, with a button that brings it back. */
export function offerUndo(sentence, images) {
  const body = new FormData();
  for (const image of images) body.append("image", image);
  flash(sentence, {
    label: say("undo"),
    act: async () => {
      try {
        await post("/pictures/restore/", body);
        location.reload();
      } catch (error) {
        flash(error.message);
      }
    },
  });
}

customElements.define("picture-gallery", PictureGallery);
