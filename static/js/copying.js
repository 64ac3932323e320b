// Copying also works on plain http, where navigator.clipboard does not exist.
import { say } from "./words.js";

const SHOWN = 1600; // ms that a button says "Copied"

export async function copyText(text) {
  if (globalThis.isSecureContext && navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // refused, for want of focus for instance: the older way may still work
    }
  }
  return copyBySelection(text);
}

function copyBySelection(text) {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "copy-source";
  area.value = text;
  area.readOnly = true;
  document.body.append(area);
  area.focus({ preventScroll: true });
  area.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } finally {
    area.remove();
    before?.focus({ preventScroll: true });
  }
  return copied;
}

/** Copies `text` and lets the button say so for a moment. */
export async function copyFrom(button, text) {
  const copied = await copyText(text);
  const label = (button.dataset.label ??= button.textContent.trim());
  button.textContent = say(copied ? "copied" : "not_copied");
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = String(setTimeout(() => (button.textContent = label), SHOWN));
}
