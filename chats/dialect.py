"""What our Markdown has beyond CommonMark: formulas, footnotes, task lists. js/dialect.js reads the same.

A formula keeps its TeX, delimiters and all, as the element's text: a browser sets it, and without one it can
still be read and copied. Footnotes stay where they were written, so that a text looks alike while it grows.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.token import Token

CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}
LONGEST_FORMULA = 5000  # characters; what is longer within a line is no formula
NOTE = re.compile(r"\[\^([^\[\] \t\n]{1,40})\]")
TASK = re.compile(r"\[([ xX])\] ")
TEX = re.compile(r"[\\^_={}+*/<>]")
WORDLIKE = re.compile(r"[A-Za-z0-9$]")


def speak_dialect(markdown: MarkdownIt) -> None:
    """Have `markdown` read formulas, footnotes and task lists.

    `env["prefix"]`, the message's id, keeps the footnotes of two messages apart.
    """
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    markdown.block.ruler.before("fence", "math_block", _math_block, interrupts)
    markdown.block.ruler.before("reference", "footnote", _footnote, {"alt": ["paragraph", "reference"]})
    markdown.inline.ruler.before("escape", "math", _math)
    markdown.inline.ruler.before("link", "footnote_ref", _footnote_ref)
    markdown.core.ruler.push("tasks", _tasks)
    markdown.add_render_rule("math", _render_math)
    markdown.add_render_rule("math_block", _render_math_block)
    markdown.add_render_rule("math_open", _render_math_block)
    markdown.add_render_rule("footnote_open", _render_footnote_open)
    markdown.add_render_rule("footnote_ref", _render_footnote_ref)
    markdown.add_render_rule("task", _render_task)


def _math_block(state: Any, start: int, end: int, silent: bool) -> bool:
    """A formula on lines of its own; one that the text ends in is open, and shown as it is written."""
    begin = state.bMarks[start] + state.tShift[start]
    closer = CLOSERS.get(state.src[begin : begin + 2])
    if closer in (None, "\\)") or state.sCount[start] - state.blkIndent >= 4:
        return False
    last = _closing_line(state, start, end, closer)
    if last < 0:
        return False
    if silent:
        return True
    token = state.push("math_open" if last == end else "math_block", "div", 0)
    state.line = min(last + 1, end)
    token.content = state.getLines(start, state.line, state.blkIndent, False).strip()
    token.map = [start, state.line]
    return True


def _closing_line(state: Any, start: int, end: int, closer: str) -> int:
    """Return the line that `closer` ends; `end` if the text ends before, -1 if this is no formula."""
    skipped = 2
    for line in range(start, end):
        if line > start and (state.isEmpty(line) or state.sCount[line] < state.blkIndent):
            return -1
        text = state.src[state.bMarks[line] + state.tShift[line] + skipped : state.eMarks[line]]
        at = text.find(closer)
        if at >= 0:
            return -1 if text[at + 2 :].strip(" \t") else line
        skipped = 0
    return end


def _math(state: Any, silent: bool) -> bool:
    """A formula within a line."""
    pair = state.src[state.pos : state.pos + 2]
    after = _after_pair(state, pair) if pair in CLOSERS else _after_dollar(state)
    if after < 0:
        return False
    if not silent:
        token = state.push("math", "span", 0)
        token.content = state.src[state.pos : after]
        token.meta = {"display": pair in ("$$", "\\[")}
    state.pos = after
    return True


def _after_pair(state: Any, pair: str) -> int:
    begin = state.pos + 2
    at = state.src.find(CLOSERS[pair], begin, min(begin + LONGEST_FORMULA, state.posMax))
    return at + 2 if at > begin and state.src[begin:at].strip(" \t\n") else -1


def _after_dollar(state: Any) -> int:
    """Return where `$x$` ends; -1 for prices, variables of a shell and whatever else has dollars."""
    source, begin = state.src, state.pos + 1
    if source[state.pos] != "$" or (begin > 1 and WORDLIKE.match(source[begin - 2])):
        return -1
    at = begin
    while at < state.posMax and source[at] not in "$\n":
        at += 2 if source[at] == "\\" else 1
    if at >= state.posMax or source[at] != "$" or at == begin or at - begin > LONGEST_FORMULA:
        return -1
    if source[begin] in " \t" or source[at - 1] in " \t" or WORDLIKE.match(source[at + 1 : at + 2]):
        return -1
    tex = source[begin:at]
    return -1 if tex[0] in "0123456789" and " " in tex and not TEX.search(tex) else at + 1


def _footnote(state: Any, start: int, end: int, silent: bool) -> bool:
    """`[^label]: text`, and what is indented below it."""
    begin = state.bMarks[start] + state.tShift[start]
    match = NOTE.match(state.src, begin, state.eMarks[start])
    if not match or state.src[match.end() : match.end() + 1] != ":":
        return False
    if state.sCount[start] - state.blkIndent >= 4:
        return False
    if silent:
        return True
    state.env.setdefault("notes", set()).add(match[1])
    token = state.push("footnote_open", "div", 1)
    token.meta = {"label": match[1]}
    _read_note(state, start, end, match.end() + 1)
    token.map = [start, state.line]
    state.push("footnote_close", "div", -1)
    return True


def _read_note(state: Any, start: int, end: int, at: int) -> None:
    kept = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    while at < state.eMarks[start] and state.src[at] in " \t":
        at += 1
    state.blkIndent += 4
    state.bMarks[start], state.tShift[start], state.sCount[start] = at, 0, state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    state.blkIndent -= 4
    state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType = kept


def _footnote_ref(state: Any, silent: bool) -> bool:
    match = NOTE.match(state.src, state.pos, state.posMax)
    if not match or state.linkLevel or match[1] not in state.env.get("notes", ()):
        return False
    if not silent:
        state.push("footnote_ref", "", 0).content = match[1]
    state.pos = match.end()
    return True


def _tasks(state: Any) -> None:
    tokens = state.tokens
    for at in range(2, len(tokens)):
        children = tokens[at].children
        begins_item = tokens[at - 2].type == "list_item_open" and tokens[at - 1].type == "paragraph_open"
        if not children or not begins_item:
            continue
        match = TASK.match(children[0].content) if children[0].type == "text" else None
        if match:
            children[0].content = children[0].content[4:]
            children.insert(0, Token("task", "", 0, meta={"done": match[1] != " "}))


def _render_math(_self: Any, tokens: Any, at: int, _options: Any, _env: Any) -> str:
    kind = "math display" if tokens[at].meta["display"] else "math"
    return f'<span class="{kind}">{escape(tokens[at].content)}</span>'


def _render_math_block(_self: Any, tokens: Any, at: int, _options: Any, _env: Any) -> str:
    kind = "math-open" if tokens[at].type == "math_open" else "math display"
    return f'<div class="{kind}">{escape(tokens[at].content)}</div>\n'


def _render_footnote_open(_self: Any, tokens: Any, at: int, _options: Any, env: Any) -> str:
    label = escape(tokens[at].meta["label"])
    return (
        f'<div class="footnote" id="fn-{env.get("prefix", "")}-{label}"><span class="footnote-label">{label}'
        "</span>\n"
    )


def _render_footnote_ref(_self: Any, tokens: Any, at: int, _options: Any, env: Any) -> str:
    label = escape(tokens[at].content)
    return f'<sup><a href="#fn-{env.get("prefix", "")}-{label}">{label}</a></sup>'


def _render_task(_self: Any, tokens: Any, at: int, _options: Any, _env: Any) -> str:
    return '<span class="task done">☑</span> ' if tokens[at].meta["done"] else '<span class="task">☐</span> '
