// Code blocks get a line above them: the language, and buttons that wrap, download and copy. Long ones are folded.
import { copyFrom } from "./copying.js";
import { keep, recall } from "./storage.js";
import { say } from "./words.js";

const MOST_LINES = 30;
const ENDINGS = {
  bash: "sh", console: "sh", shell: "sh", sh: "sh", zsh: "sh", powershell: "ps1", ps1: "ps1", bat: "bat",
  c: "c", cpp: "cpp", "c++": "cpp", csharp: "cs", "c#": "cs", cs: "cs", go: "go", golang: "go", java: "java",
  kotlin: "kt", swift: "swift", rust: "rs", rs: "rs", php: "php", perl: "pl", ruby: "rb", rb: "rb", lua: "lua",
  python: "py", py: "py", python3: "py", r: "r", julia: "jl", haskell: "hs", scala: "scala", dart: "dart",
  javascript: "js", js: "js", jsx: "jsx", typescript: "ts", ts: "ts", tsx: "tsx", vue: "vue", html: "html",
  css: "css", scss: "scss", xml: "xml", svg: "svg", json: "json", jsonc: "json", yaml: "yaml", yml: "yml",
  toml: "toml", ini: "ini", sql: "sql", graphql: "graphql", diff: "diff", patch: "patch", markdown: "md",
  md: "md", latex: "tex", tex: "tex", csv: "csv", makefile: "mk", cmake: "cmake", nginx: "conf",
};

/** Dresses the code below `root`; `whole`: nothing is folded, somebody watches it being written. */
export function dressCode(root, { whole = false } = {}) {
  for (const pre of root.querySelectorAll("pre.code")) {
    if (pre.parentNode.classList?.contains("code-block")) continue;
    const block = document.createElement("div");
    block.className = "code-block";
    block.classList.toggle("wrapped", recall("wrap-code") === "on");
    pre.replaceWith(block);
    block.append(makeBar(block, pre), pre);
    pre.tabIndex = 0; // it scrolls sideways, so it must be reachable with the keyboard
    if (!whole) foldLong(block, pre);
  }
}

function makeBar(block, pre) {
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const language = document.createElement("span");
  language.textContent = pre.dataset.language || say("code");
  const wrap = makeButton(say("wrap"), () => wrapAll(!block.classList.contains("wrapped")));
  wrap.dataset.wrap = "";
  wrap.setAttribute("aria-pressed", String(block.classList.contains("wrapped")));
  const download = makeButton(say("download"), () => downloadCode(pre));
  const copy = makeButton(say("copy"), () => copyFrom(copy, pre.textContent));
  bar.append(language, wrap, download, copy);
  return bar;
}

function makeButton(label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}

/** Long lines are wrapped everywhere or nowhere: it is a matter of taste. */
function wrapAll(wrapped) {
  keep("wrap-code", wrapped ? "on" : "");
  for (const block of document.querySelectorAll(".code-block")) {
    block.classList.toggle("wrapped", wrapped);
    block.querySelector("[data-wrap]").setAttribute("aria-pressed", String(wrapped));
  }
}

function downloadCode(pre) {
  const language = pre.dataset.language;
  const ending = Object.hasOwn(ENDINGS, language) ? ENDINGS[language] : "txt";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([pre.textContent], { type: "text/plain" }));
  link.download = language === "dockerfile" ? "Dockerfile" : `code.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function foldLong(block, pre) {
  const lines = pre.textContent.trimEnd().split("\n").length;
  if (lines <= MOST_LINES) return;
  block.classList.add("folded");
  const more = makeButton(say("show_lines", { n: lines }), () => {
    block.classList.remove("folded");
    more.remove();
    pre.focus({ preventScroll: true });
  });
  more.classList.add("code-more");
  block.append(more);
}
