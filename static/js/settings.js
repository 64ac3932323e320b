// The look and the "details" switch: this browser's own, so they live in its storage. theme.js applies them.
import { keep, recall } from "./storage.js";

export function wireSettings() {
  const theme = document.querySelector('[data-setting="theme"]');
  const details = document.querySelector('input[data-setting="details"]');
  const show = () => {
    const chosen = recall("theme") || "auto";
    for (const button of theme.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === chosen));
    }
    details.checked = recall("details") === "on";
  };
  const change = (name, value) => {
    keep(name, value);
    dispatchEvent(new Event("look-changed"));
    show();
  };
  theme.addEventListener("click", ({ target }) => {
    if (target.value) change("theme", target.value === "auto" ? "" : target.value);
  });
  details.addEventListener("change", () => change("details", details.checked ? "on" : ""));
  addEventListener("storage", show);
  show();
}
