// The look and the "details" switch: they hold in this browser at once, and go to the account. theme.js applies them.
import { post } from "./http.js";
import { keep, recall } from "./storage.js";

// A page that is on its way already may have been made before the account heard of the change: then this
// browser must not believe that the account's older value is news.
let leaving = false;
addEventListener("beforeunload", () => {
  leaving = true;
});

/** Has the account keep it too; where that fails it holds in this browser all the same. */
async function tell(name, value) {
  const form = new FormData();
  form.set(name, value);
  try {
    await post(document.querySelector(".account").dataset.look, form);
    if (!leaving) keep(`${name}-kept`, value);
  } catch {
    // offline, or signed out meanwhile
  }
}

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
    tell(name, value);
  };
  theme.addEventListener("click", ({ target }) => {
    if (target.value) change("theme", target.value === "auto" ? "" : target.value);
  });
  details.addEventListener("change", () => change("details", details.checked ? "on" : ""));
  addEventListener("storage", show);
  show();
}
