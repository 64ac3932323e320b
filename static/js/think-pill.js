// <think-pill>: how much the chosen model thinks first. Only what the person changes here is sent along.
class ThinkPill extends HTMLElement {
  #options = [];

  connectedCallback() {
    this.select = this.querySelector("select");
    this.#options = [...this.select.options];
    this.select.addEventListener("change", () => this.#chosen());
    document.addEventListener("change", ({ target }) => target.name === "model" && this.#offer());
    document.body.addEventListener("htmx:afterSwap", () => this.#offer());
    this.#offer();
  }

  #chosen() {
    this.select.name = "think";
    this.dataset.wish = this.select.value;
  }

  /** Offers what the model can; the server reads a wish for another kind of model in the same way. */
  #offer() {
    const kind = document.querySelector("model-picker input:checked")?.dataset.thinks;
    this.hidden = !kind;
    if (!kind) return;
    const offered = this.#options.filter((option) => option.dataset.for === kind);
    this.select.replaceChildren(...offered);
    this.select.value = nearest(this.dataset.wish, kind);
  }
}

function nearest(wish, kind) {
  if (kind === "switch") return wish === "off" ? "off" : "on";
  return { off: "low", low: "low", high: "high" }[wish] ?? "medium";
}

customElements.define("think-pill", ThinkPill);
