// Code blocks get a line above them: the language and a button that copies.
import { copyFrom } from "./copying.js";
import { say } from "./words.js";

export function dressCode(root) {
  for (const pre of root.querySelectorAll("pre.code")) {
    if (pre.parentNode.classList?.contains("code-block")) continue;
    const block = document.createElement("div");
    block.className = "code-block";
    pre.replaceWith(block);
    block.append(makeBar(pre), pre);
    pre.tabIndex = 0; // it scrolls sideways, so it must be reachable with the keyboard
  }
}

function makeBar(pre) {
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const language = document.createElement("span");
  language.textContent = pre.dataset.language || say("code");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = say("copy");
  button.addEventListener("click", () => copyFrom(button, pre.textContent));
  bar.append(language, button);
  return bar;
}
