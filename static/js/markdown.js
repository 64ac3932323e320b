// Markdown while it is written: the same grammar as the server's, sanitised, and only the block that is still
// open is rendered again each frame. The server's HTML replaces all of it at the end.
import "../vendor/dompurify-3.4.18/purify.min.js";
import "../vendor/markdown-it-14.3.3/markdown-it.min.js";
import { dressCode } from "./code-blocks.js";
import { speakDialect } from "./dialect.js";
import { typeset } from "./formulas.js";

const ALLOWED = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["class", "data-language", "href", "id", "rel", "start", "target", "title"],
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto):|#fn-)/i,
  ADD_URI_SAFE_ATTR: ["target", "rel", "start", "data-language", "class"],
  RETURN_DOM_FRAGMENT: true,
};
const NEWLINE = /\r\n?|\n/g;
const MERGED = new Set(["blockquote", "li", "ol", "table", "tbody", "tr", "ul"]); // they may grow long
const LONGEST_MARKER = 14; // characters of an indented "123456789. "

const markdown = globalThis.markdownit("commonmark", { html: false, breaks: true });
markdown.enable(["table", "strikethrough"]);
speakDialect(markdown);
const { escapeHtml } = markdown.utils;
const renderFence = (tokens, index) => {
  const language = tokens[index].info.trim().split(/\s+/)[0].toLowerCase();
  return `<pre class="code" data-language="${escapeHtml(language)}"><code>${escapeHtml(tokens[index].content)}</code></pre>`;
};
markdown.renderer.rules.fence = renderFence;
markdown.renderer.rules.code_block = renderFence;
markdown.renderer.rules.image = (tokens, index) => {
  const source = escapeHtml(tokens[index].attrGet("src") ?? "");
  return `<a href="${source}" target="_blank" rel="noopener noreferrer nofollow">${escapeHtml(tokens[index].content) || source}</a>`;
};
markdown.renderer.rules.link_open = (tokens, index, options, _env, renderer) => {
  tokens[index].attrSet("target", "_blank");
  tokens[index].attrSet("rel", "noopener noreferrer nofollow");
  return renderer.renderToken(tokens, index, options);
};
// A column's alignment comes as a style attribute, which the page's policy forbids.
markdown.core.ruler.push("unstyled", (state) => {
  for (const token of state.tokens) {
    if (token.attrs) token.attrs = token.attrs.filter(([name]) => name !== "style");
  }
});

// Numbers in brackets become links to the sources that there are, as on the server (chats/citations.py). Where
// there are sources, numbers are theirs: "[1]: ..." defines no link, and is text.
const CITED = /[[【]([0-9]{1,2}(?:, ?[0-9]{1,2})*)(?:†[^\]】]{0,40})?[\]】]/g;
const { ruler } = markdown.block;
const reference = ruler.__rules__[ruler.__find__("reference")].fn;
ruler.at("reference", (state, start, end, silent) => {
  if (!reference(state, start, end, silent)) return false;
  const known = state.env.references;
  const numbers = state.env.sources?.size ? Object.keys(known).filter((label) => /^[0-9]+$/.test(label)) : [];
  for (const label of numbers) {
    delete known[label];
    state.line = start;
  }
  return !numbers.length;
});
markdown.core.ruler.push("citations", (state) => {
  if (!state.env.sources?.size) return;
  for (const token of state.tokens) {
    if (token.type === "inline") token.children = linkCitations(token.children, state);
  }
});

function linkCitations(children, state) {
  let inside = 0;
  return children.flatMap((token) => {
    if (token.type.startsWith("link_")) inside += token.nesting;
    return token.type === "text" && !inside ? splitCitations(token, state) : [token];
  });
}

function splitCitations(token, { Token, env }) {
  const tokens = [];
  const text = (content) => Object.assign(new Token("text", "", 0), { content });
  let at = 0;
  for (const match of token.content.matchAll(CITED)) {
    const numbers = match[1].split(",").map(Number);
    if (!numbers.every((number) => env.sources.has(number))) continue;
    tokens.push(text(token.content.slice(at, match.index)));
    for (const number of numbers) {
      const { url, title } = env.sources.get(number);
      const attrs = [["class", "cite"], ["href", url], ["title", title]];
      const open = Object.assign(new Token("link_open", "a", 1), { attrs });
      tokens.push(open, text(String(number)), new Token("link_close", "a", -1));
    }
    at = match.index + match[0].length;
  }
  return [...tokens, text(token.content.slice(at))];
}

export class StreamingMarkdown {
  #root;
  #prefix;
  #sources = new Map();
  #settled = { references: {}, notes: new Set() }; // what the frozen text defines
  #defined = ""; // all that was defined when the frozen text was rendered
  #frozen = 0; // how much of the text will not be rendered again
  #open = []; // the nodes of what is rendered again
  #fence = null; // the text node of a code block that is still open

  constructor(root) {
    this.#root = root;
    this.#prefix = root.closest("chat-message")?.id ?? "";
    root.replaceChildren();
  }

  /** Links [n] in what comes from now on; `sources` are {n, title, url}. */
  cite(sources) {
    this.#sources = new Map(sources.map((source) => [source.n, source]));
  }

  /** Returns the same, with nothing shown yet. */
  anew() {
    const fresh = new StreamingMarkdown(this.#root);
    fresh.cite([...this.#sources.values()]);
    return fresh;
  }

  /** Shows `text`, which begins with all that was shown before. */
  update(text) {
    const tail = text.slice(this.#frozen);
    const env = this.#environment();
    const blocks = splitBlocks(markdown.parse(tail, env));
    if (this.#definesAnew(env)) {
      this.#begin();
      this.update(text);
      return;
    }
    const starts = lineStarts(tail);
    const open = firstOpen(blocks, starts, tail.length);
    if (open > 0) {
      const end = starts[blocks[open][0].map[0]];
      this.#clearOpen();
      this.#append(blocks.slice(0, open).flat(), env);
      Object.assign(this.#settled, { sources: this.#sources });
      markdown.block.parse(tail.slice(0, end).replace(NEWLINE, "\n"), markdown, this.#settled, []);
      this.#frozen += end;
    }
    this.#showOpen(blocks.slice(open).flat(), env);
  }

  #environment() {
    return {
      references: { ...this.#settled.references },
      notes: new Set(this.#settled.notes),
      sources: this.#sources,
      prefix: this.#prefix,
    };
  }

  /** Returns whether frozen text may refer to what is defined only now: to a footnote, to a link below. */
  #definesAnew({ references, notes }) {
    const defined = JSON.stringify([references, [...notes]]);
    const anew = defined !== this.#defined && this.#frozen > 0;
    this.#defined = defined;
    return anew;
  }

  #begin() {
    this.#clearOpen();
    this.#root.replaceChildren();
    this.#settled = { references: {}, notes: new Set() };
    this.#frozen = 0;
  }

  #showOpen(tokens, env) {
    const [token] = tokens;
    const isFence = tokens.length === 1 && token.type === "fence";
    if (isFence && this.#fence?.info === token.info) {
      this.#fence.node.data = token.content;
      return;
    }
    this.#fence = null;
    this.#open = merge(this.#root, this.#open, [...this.#render(tokens, env).childNodes]);
    if (isFence && token.content) {
      const code = this.#root.lastElementChild.querySelector("code");
      this.#fence = { info: token.info, node: code.firstChild };
    }
  }

  #clearOpen() {
    for (const node of this.#open) node.remove();
    this.#open = [];
    this.#fence = null;
  }

  #append(tokens, env) {
    this.#root.append(this.#render(tokens, env));
  }

  #render(tokens, env) {
    const html = markdown.renderer.render(tokens, markdown.options, env);
    const fragment = globalThis.DOMPurify.sanitize(html, ALLOWED);
    dressCode(fragment, { whole: true });
    typeset(fragment);
    return fragment;
  }
}

/** Makes `parent`'s last children, `olds`, look like `news`; what is the same stays. Returns what is there then. */
function merge(parent, olds, news) {
  for (const old of olds.slice(news.length)) old.remove();
  return news.map((node, index) => {
    const old = olds[index];
    if (!old) return parent.appendChild(node);
    if (old.isEqualNode(node)) return old;
    if (MERGED.has(node.localName) && old.cloneNode().isEqualNode(node.cloneNode())) {
      merge(old, [...old.childNodes], [...node.childNodes]);
      return old;
    }
    old.replaceWith(node);
    return node;
  });
}

/** Returns the tokens by top-level block. */
function splitBlocks(tokens) {
  const blocks = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0) blocks.push([]);
    blocks.at(-1).push(token);
  }
  return blocks;
}

function lineStarts(text) {
  return [0, ...Array.from(text.matchAll(NEWLINE), (match) => match.index + match[0].length)];
}

/**
 * Returns the first block that may still change. What stands before a block is settled once that block cannot
 * turn out to belong to it: its first line is whole, or too long for a list's marker, or follows a code block.
 */
function firstOpen(blocks, starts, length) {
  for (let index = blocks.length - 1; index > 0; index -= 1) {
    const [first] = blocks[index];
    const line = first.map?.[0];
    if (line === undefined || first.type === "math_open") continue;
    const whole = line < starts.length - 1;
    if (whole || length - starts[line] > LONGEST_MARKER || blocks[index - 1][0].type === "fence") return index;
  }
  return 0;
}
