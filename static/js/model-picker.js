// <model-picker>: which model answers next. A list of radio buttons, so keyboard and screen readers know it.
class ModelPicker extends HTMLElement {
  connectedCallback() {
    this.details = this.querySelector("details");
    this.label = this.querySelector(".picker-name");
    this.addEventListener("change", () => this.#named());
    this.addEventListener("click", (event) => this.#clicked(event));
    this.addEventListener("keydown", (event) => this.#pressed(event));
    this.details.addEventListener("toggle", () => this.#opened());
    document.addEventListener("pointerdown", (event) => {
      if (!this.contains(event.target)) this.details.open = false;
    });
  }

  #opened() {
    if (!this.details.open) return;
    const chosen = this.querySelector("input:checked") ?? this.querySelector("input");
    chosen?.focus();
  }

  #named() {
    const chosen = this.querySelector("input:checked");
    if (chosen) this.label.textContent = chosen.dataset.label || chosen.value;
  }

  /** A click on a row chooses and closes; arrow keys choose too, as clicks without a pointer, and do not close. */
  #clicked(event) {
    const row = event.target.closest("label");
    if (row && (event.target.tagName !== "INPUT" || event.detail > 0)) this.#close();
  }

  #pressed(event) {
    if (!this.details.open || !["Escape", "Enter"].includes(event.key) || event.target.tagName === "SUMMARY") return;
    event.preventDefault();
    event.stopPropagation();
    this.#close();
  }

  #close() {
    this.details.open = false;
    this.querySelector("summary").focus();
  }
}

customElements.define("model-picker", ModelPicker);
