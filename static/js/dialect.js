// What our Markdown has beyond CommonMark: formulas, footnotes, task lists, read as chats/dialect.py reads them.
const CLOSERS = { $$: "$$", "\\[": "\\]", "\\(": "\\)" };
const LONGEST_FORMULA = 5000; // characters
const NOTE = /\[\^([^[\] \t\n]{1,40})\]/y;
const TASK = /^\[([ xX])\] /;
const TEX = /[\\^_={}+*/<>]/;
const WORDLIKE = /^[A-Za-z0-9$]/;

/** Has `markdown` read formulas, footnotes and task lists; `env.prefix` keeps two messages' footnotes apart. */
export function speakDialect(markdown) {
  const { escapeHtml } = markdown.utils;
  const { rules } = markdown.renderer;
  const interrupts = { alt: ["paragraph", "reference", "blockquote", "list"] };
  markdown.block.ruler.before("fence", "math_block", readMathBlock, interrupts);
  markdown.block.ruler.before("reference", "footnote", readFootnote, { alt: ["paragraph", "reference"] });
  markdown.inline.ruler.before("escape", "math", readMath);
  markdown.inline.ruler.before("link", "footnote_ref", readFootnoteRef);
  markdown.core.ruler.push("tasks", findTasks);
  rules.math = (tokens, at) =>
    `<span class="math${tokens[at].meta.display ? " display" : ""}">${escapeHtml(tokens[at].content)}</span>`;
  rules.math_block = (tokens, at) => `<div class="math display">${escapeHtml(tokens[at].content)}</div>\n`;
  rules.math_open = (tokens, at) => `<div class="math-open">${escapeHtml(tokens[at].content)}</div>\n`;
  rules.footnote_open = (tokens, at, _options, env) => {
    const label = escapeHtml(tokens[at].meta.label);
    return `<div class="footnote" id="fn-${env.prefix}-${label}"><span class="footnote-label">${label}</span>\n`;
  };
  rules.footnote_ref = (tokens, at, _options, env) => {
    const label = escapeHtml(tokens[at].content);
    return `<sup><a href="#fn-${env.prefix}-${label}">${label}</a></sup>`;
  };
  rules.task = (tokens, at) =>
    tokens[at].meta.done ? '<span class="task done">☑</span> ' : '<span class="task">☐</span> ';
}

function readMathBlock(state, start, end, silent) {
  const begin = state.bMarks[start] + state.tShift[start];
  const opener = state.src.slice(begin, begin + 2);
  if ((opener !== "$$" && opener !== "\\[") || state.sCount[start] - state.blkIndent >= 4) return false;
  const last = closingLine(state, start, end, CLOSERS[opener]);
  if (last < 0) return false;
  if (silent) return true;
  const token = state.push(last === end ? "math_open" : "math_block", "div", 0);
  state.line = Math.min(last + 1, end);
  token.content = state.getLines(start, state.line, state.blkIndent, false).trim();
  token.map = [start, state.line];
  return true;
}

/** Returns the line that `closer` ends; `end` if the text ends before, -1 if this is no formula. */
function closingLine(state, start, end, closer) {
  let skipped = 2;
  for (let line = start; line < end; line += 1) {
    if (line > start && (state.isEmpty(line) || state.sCount[line] < state.blkIndent)) return -1;
    const text = state.src.slice(state.bMarks[line] + state.tShift[line] + skipped, state.eMarks[line]);
    const at = text.indexOf(closer);
    if (at >= 0) return /[^ \t]/.test(text.slice(at + 2)) ? -1 : line;
    skipped = 0;
  }
  return end;
}

function readMath(state, silent) {
  const pair = state.src.slice(state.pos, state.pos + 2);
  const after = Object.hasOwn(CLOSERS, pair) ? afterPair(state, pair) : afterDollar(state);
  if (after < 0) return false;
  if (!silent) {
    const token = state.push("math", "span", 0);
    token.content = state.src.slice(state.pos, after);
    token.meta = { display: pair === "$$" || pair === "\\[" };
  }
  state.pos = after;
  return true;
}

function afterPair(state, pair) {
  const begin = state.pos + 2;
  const inside = state.src.slice(begin, Math.min(begin + LONGEST_FORMULA, state.posMax));
  const at = inside.indexOf(CLOSERS[pair]);
  return at > 0 && /[^ \t\n]/.test(inside.slice(0, at)) ? begin + at + 2 : -1;
}

/** Returns where `$x$` ends; -1 for prices, variables of a shell and whatever else has dollars. */
function afterDollar({ src, pos, posMax }) {
  const begin = pos + 1;
  if (src[pos] !== "$" || (pos > 0 && WORDLIKE.test(src[pos - 1]))) return -1;
  let at = begin;
  while (at < posMax && src[at] !== "$" && src[at] !== "\n") at += src[at] === "\\" ? 2 : 1;
  if (at >= posMax || src[at] !== "$" || at === begin || at - begin > LONGEST_FORMULA) return -1;
  if (/[ \t]/.test(src[begin] + src[at - 1]) || WORDLIKE.test(src.slice(at + 1, at + 2))) return -1;
  const tex = src.slice(begin, at);
  return /^[0-9]/.test(tex) && tex.includes(" ") && !TEX.test(tex) ? -1 : at + 1;
}

function matchNote(state, at, end) {
  NOTE.lastIndex = at;
  const match = NOTE.exec(state.src);
  return match && NOTE.lastIndex <= end ? { label: match[1], end: NOTE.lastIndex } : null;
}

function readFootnote(state, start, end, silent) {
  const note = matchNote(state, state.bMarks[start] + state.tShift[start], state.eMarks[start]);
  if (!note || state.src[note.end] !== ":" || state.sCount[start] - state.blkIndent >= 4) return false;
  if (silent) return true;
  (state.env.notes ??= new Set()).add(note.label);
  const token = state.push("footnote_open", "div", 1);
  token.meta = { label: note.label };
  readNote(state, start, end, note.end + 1);
  token.map = [start, state.line];
  state.push("footnote_close", "div", -1);
  return true;
}

function readNote(state, start, end, from) {
  const { parentType } = state;
  const kept = [state.bMarks[start], state.tShift[start], state.sCount[start]];
  let at = from;
  while (at < state.eMarks[start] && /[ \t]/.test(state.src[at])) at += 1;
  state.blkIndent += 4;
  [state.bMarks[start], state.tShift[start], state.sCount[start]] = [at, 0, state.blkIndent];
  state.parentType = "footnote";
  state.md.block.tokenize(state, start, end);
  state.blkIndent -= 4;
  [state.bMarks[start], state.tShift[start], state.sCount[start]] = kept;
  state.parentType = parentType;
}

function readFootnoteRef(state, silent) {
  const note = matchNote(state, state.pos, state.posMax);
  if (!note || state.linkLevel || !state.env.notes?.has(note.label)) return false;
  if (!silent) state.push("footnote_ref", "", 0).content = note.label;
  state.pos = note.end;
  return true;
}

function findTasks({ tokens, Token }) {
  for (let at = 2; at < tokens.length; at += 1) {
    const { children } = tokens[at];
    if (tokens[at - 1].type !== "paragraph_open" || tokens[at - 2].type !== "list_item_open") continue;
    const match = children?.[0]?.type === "text" && TASK.exec(children[0].content);
    if (!match) continue;
    children[0].content = children[0].content.slice(4);
    const task = new Token("task", "", 0);
    task.meta = { done: match[1] !== " " };
    children.unshift(task);
  }
}
