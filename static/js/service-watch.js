// What answers here may change while a page is open: a model arrives, Ollama goes or comes back.
import { getPage } from "./http.js";
import { live, pageMade } from "./live.js";

export function watchService() {
  live.follow("models", 0, (frame) => {
    if (frame.type !== "models") return;
    document.body.dispatchEvent(new CustomEvent("models-changed"));
    lookAgain(frame.state);
  }, { after: pageMade });
}

async function lookAgain(state) {
  const shown = document.getElementById("service");
  const same = state === shown.dataset.state && shown.dataset.kind !== "engine";
  if (same) return;
  let page;
  try {
    page = await getPage(location.pathname);
  } catch {
    return; // the next change, or the person, brings it up to date
  }
  const fresh = page.getElementById("service");
  const { state: freshState, kind } = fresh.dataset;
  if (freshState === shown.dataset.state && kind === shown.dataset.kind) return;
  shown.replaceWith(fresh);
  const name = page.querySelector(".picker-name");
  const label = document.querySelector(".picker-name");
  if (name && !document.querySelector("model-picker input:checked")) label.textContent = name.textContent.trim();
}
