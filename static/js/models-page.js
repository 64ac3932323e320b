// The models page: what is installed and what is on its way, kept fresh; forms act without leaving the page.
import "./chat-list.js";
import "./gpu-status.js";
import { flash } from "./flashes.js";
import { getPage, post } from "./http.js";
import { live, pageMade } from "./live.js";
import { wireShell } from "./shell.js";
import { number, say } from "./words.js";

const SOON = 150; // ms: several changes at once are one look

class ModelsPage extends HTMLElement {
  #timer = 0;

  connectedCallback() {
    this.addEventListener("submit", (event) => this.#submitted(event));
    this.addEventListener("change", ({ target }) => target.closest("[data-chooses]")?.requestSubmit());
    this.addEventListener("toggle", () => this.#soon(), true); // a closed form lets the rest be fresh again
    this.querySelector(".model-edit[open]")?.scrollIntoView({ block: "center" });
    live.follow("models", 0, (frame) => frame.type === "models" && this.#soon(), { after: pageMade });
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), SOON);
  }

  async #refresh() {
    let page;
    try {
      page = await getPage(location.pathname);
    } catch {
      return; // the next change, or the person, brings it up to date
    }
    for (const part of this.querySelectorAll("[data-fresh]")) {
      const fresh = page.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
      if (fresh) this.#renew(part, fresh);
    }
  }

  /** Takes what is fresh piece by piece; a form that somebody fills in stays as it is. */
  #renew(part, fresh) {
    const old = new Map([...part.children].map((child) => [child.dataset.model ?? child.elements?.purpose?.value, child]));
    const pieces = [...fresh.children].map((child) => {
      const before = old.get(child.dataset.model ?? child.elements?.purpose?.value);
      if (!before) return document.importNode(child, true);
      if (before.matches("model-pull[data-runs]") && child.matches("[data-runs]")) return before;
      return inUse(before) ? renewedAround(before, child) : renewed(before, child);
    });
    const same = pieces.length === part.children.length && pieces.every((piece, at) => piece === part.children[at]);
    if (!same) part.replaceChildren(...pieces);
  }

  async #submitted(event) {
    const form = event.target;
    event.preventDefault();
    const trouble = form.querySelector(".form-error");
    const data = new FormData(form);
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      await post(form.action, data);
      this.#acted(form);
    } catch (error) {
      if (trouble) Object.assign(trouble, { hidden: false, textContent: error.message });
      else flash(error.message);
    } finally {
      button.disabled = false;
      this.#soon();
    }
  }

  #acted(form) {
    const trouble = form.querySelector(".form-error");
    if (trouble) trouble.hidden = true;
    const details = form.closest("details");
    if (details) {
      details.open = false;
      details.querySelector("summary").focus();
    }
    if (form.matches(".pull-form")) form.reset();
    if (form.matches("[data-saves], [data-chooses]")) flash(say("model_saved"));
  }
}

function inUse(piece) {
  return Boolean(piece.querySelector("details[open]"));
}

/** Returns the piece with all fresh but its buttons and the form that somebody fills in there. */
function renewedAround(before, child) {
  const buttons = before.querySelector(".model-buttons");
  for (const old of [...before.children]) if (old !== buttons) old.remove();
  for (const fresh of child.children) {
    if (!fresh.matches(".model-buttons")) buttons.before(document.importNode(fresh, true));
  }
  return before;
}

/** Returns the fresh piece in the old one's place, with the focus where it was. */
function renewed(before, child) {
  if (before.isEqualNode(child) || before.innerHTML === child.innerHTML) return before;
  const fresh = document.importNode(child, true);
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  if (focused) {
    const place = [...before.querySelectorAll("button, summary, select")].indexOf(focused);
    requestAnimationFrame(() => fresh.querySelectorAll("button, summary, select")[place]?.focus());
  }
  return fresh;
}

class ModelPull extends HTMLElement {
  connectedCallback() {
    this.bar = this.querySelector("progress");
    this.line = this.querySelector(".pull-text");
    if (!this.hasAttribute("data-runs")) return;
    const { model } = this.dataset;
    this.leave ??= live.follow("pull", model, (frame) => this.#receive(frame), { after: pageMade });
  }

  disconnectedCallback() {
    this.leave?.();
    this.leave = undefined;
  }

  #receive({ type, done, cancelled, error, total, completed = 0 }) {
    if (type !== "pull") return;
    if (done) flash(say("pull_here", { model: this.dataset.model }));
    else if (cancelled) flash(say("pull_cancelled"));
    else if (error) this.line.textContent = say("pull_failed", { why: error });
    else if (total) this.#show(completed, total);
    else if (this.bar.hasAttribute("value")) this.line.textContent = say("pull_finishing");
  }

  #show(completed, total) {
    this.bar.value = (100 * completed) / total;
    this.line.textContent = say("pull_progress", { done: number(completed / 1e9), total: number(total / 1e9) });
  }
}

customElements.define("model-pull", ModelPull);
customElements.define("models-page", ModelsPage);
wireShell({
  onEvent: ({ type, what, model, why }) => {
    if (type !== "model_failed") return;
    flash(say(what === "delete" ? "model_not_deleted" : "model_not_unloaded", { model, why }));
  },
});
