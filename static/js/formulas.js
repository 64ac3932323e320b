// Formulas: KaTeX comes with the first one, and what it can't read stays as it was written. Copied text has the TeX.
const SETTINGS = { trust: false, maxExpand: 300, maxSize: 25, strict: "ignore", throwOnError: true };
const DELIMITERS = /^(?:\$\$?|\\[[(])|(?:\$\$?|\\[\])])$/g;
const MOST_KEPT = 400;
const kept = new Map(); // what was set, by its source: a formula in text that still grows is set once
let loading = null;

/** Sets all formulas below `root`. */
export function typeset(root) {
  const found = [...root.querySelectorAll(".math:not([data-tex])")];
  if (!found.length) return;
  if (globalThis.katex) found.forEach(set);
  else (loading ??= load()).then(() => found.forEach(set), () => (loading = null)); // unset, they can be read
}

async function load() {
  const style = document.getElementById("formula-style");
  if (style) document.head.append(style.content.cloneNode(true));
  document.addEventListener("copy", copyTex);
  await import("../vendor/katex-0.16.47/katex.min.js");
}

function set(element) {
  const source = element.textContent;
  const key = `${element.className} ${source}`;
  if (!kept.has(key)) keep(key, render(source, element.classList.contains("display")));
  element.dataset.tex = source;
  const rendered = kept.get(key);
  if (rendered) element.replaceChildren(rendered.cloneNode(true));
  else element.classList.add("unread");
}

function render(source, displayMode) {
  const room = document.createElement("span");
  try {
    globalThis.katex.render(source.replace(DELIMITERS, ""), room, { ...SETTINGS, displayMode });
  } catch {
    return null;
  }
  return room.firstChild;
}

function keep(key, rendered) {
  if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value);
  kept.set(key, rendered);
}

function copyTex(event) {
  const selection = getSelection();
  if (selection.isCollapsed || !event.clipboardData || event.target.closest?.("textarea, input")) return;
  const range = selection.getRangeAt(0).cloneRange();
  const formula = (node) => (node.closest ? node : node.parentElement)?.closest(".math[data-tex]");
  const [first, last] = [formula(range.startContainer), formula(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copy = range.cloneContents();
  if (!copy.querySelector(".math[data-tex]")) return;
  event.clipboardData.setData("text/plain", readable(copy));
  event.preventDefault();
}

/** Returns the text as it looks on the page, line by line: formulas as TeX, code without its buttons. */
export function readable(fragment) {
  for (const button of fragment.querySelectorAll(".code-bar, .code-more")) button.remove();
  for (const formula of fragment.querySelectorAll(".math[data-tex]")) formula.textContent = formula.dataset.tex;
  const room = document.createElement("div");
  room.className = "prose copy-room";
  room.append(fragment);
  document.body.append(room);
  const text = room.innerText;
  room.remove();
  return text.trim();
}
