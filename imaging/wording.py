"""What is a usable prompt: rules only. English, whole sentences, the wanted result, no junk words."""

from __future__ import annotations

import re
from typing import Any

from chats.structured import UnusableError

LONGEST_PROMPT = 1500  # characters; Flux's own text encoder reads 512 tokens
LONGEST_VISION = 3000
LEAST_WORDS = 3
LATIN_SHARE = 0.7  # of the letters; a sign in the picture may say something in Russian
TAGS = 5  # comma separated pieces without a sentence among them are tags
WORDS_A_TAG = 3.0

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"prompt": {"type": "string"}},
    "required": ["prompt"],
}

TEXT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}

_JUNK_WORDS = (
    "photo-?realistic", "hyper-?realistic", "ultra-?realistic", "hyper-?detailed", "ultra-?detailed",
    "(?:highly|extremely|insanely|intricately) detailed", "intricate details?", "masterpiece",
    "(?:best|top|high|highest|premium)[ -]quality", "award[ -]winning", "(?:trending on )?artstation",
    "unreal engine(?: 5)?", "octane render", "ray[ -]tracing", "sharp focus", "(?:ultra[ -]?)?hdr", "u?hd",
    "(?:4|8|16)k(?: (?:uhd|resolution|quality))?", "high[ -]resolution", "professional quality",
)  # fmt: skip
_THINGS = "tvs?|televisions?|monitors?|screens?|displays?|cameras?|projectors?"  # a 4K television is a thing
JUNK = re.compile(rf"\b(?:{'|'.join(_JUNK_WORDS)})\b(?!\s+(?:{_THINGS})\b)", re.IGNORECASE)
ARTICLE = re.compile(rf"\b(an?)\s+(?:{JUNK.pattern}[\s,]+)+(?=(\w))", re.IGNORECASE)
REFUSAL = re.compile(
    r"\s*(?:i['\u2019]?m (?:sorry|unable|not able)|i am (?:sorry|unable|not able)|sorry\b"
    r"|i can(?:no|['\u2019])t|i won['\u2019]t|as an ai\b|unfortunately\b"
    r"|i (?:do not|don['\u2019]t) (?:feel|think i))",
    re.IGNORECASE,
)
QUOTED = re.compile(r'"[^"]*"|“[^”]*”|«[^»]*»')
MARK = "\x01"  # stands for a quotation meanwhile: no text that was tidied holds one
SENTENCE_END = re.compile(r"[.!?][\"'\u201d)]?(?=\s|$)")


def check(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a model answers with its prompt cleaned. Raises ValueError, TypeError, KeyError."""
    prompt = data["prompt"]
    if not isinstance(prompt, str):
        raise TypeError(prompt)
    return {"prompt": clean_prompt(prompt)}


def check_text(data: dict[str, Any]) -> dict[str, Any]:
    """Return a translation on one line. Raises ValueError, TypeError, KeyError when it is of no use."""
    if not isinstance(data["text"], str):
        raise TypeError(data["text"])
    text = tidy(data["text"])
    if len(text.split()) < LEAST_WORDS or REFUSAL.match(text):
        raise UnusableError("That is no translation.")
    return {"text": shorten(text, LONGEST_VISION)}


def clean_prompt(text: str) -> str:
    """Return a prompt as ComfyUI shall get it. Raises UnusableError when it is of no use."""
    text = without_junk(tidy(text))
    if REFUSAL.match(text):
        raise UnusableError("Do not refuse: write the prompt of a harmless picture.")
    if len(text.split()) < LEAST_WORDS:
        raise UnusableError("The prompt is too short: write whole sentences.")
    if not is_english(text):
        raise UnusableError("The prompt must be in English.")
    if is_a_list_of_tags(text):
        raise UnusableError("The prompt must be whole sentences, not a list of keywords.")
    text = shorten(text, LONGEST_PROMPT)
    return text if SENTENCE_END.search(text[-2:]) else text.rstrip(",;: ") + "."


def tidy(text: str) -> str:
    """Return the text on one line, without what no text encoder reads."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(printable.split()).strip("` ")
    quoted = len(text) > 1 and text[0] in "\"'" and text.find(text[0], 1) == len(text) - 1
    return text[1:-1].strip() if quoted else text


def without_junk(text: str) -> str:
    """Return the text without the words that Flux ignores or takes literally; what is quoted stays."""
    quoted = iter(QUOTED.findall(text))
    text = QUOTED.sub(MARK, text)
    text = ARTICLE.sub(_article, text)
    text = JUNK.sub("", text)
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"(?:,\s*)+(?=[,.;!?]|$)", "", text)
    text = re.sub(r"(^|[.!?]\s+)[,;:.\s]+", r"\1", text)
    text = re.sub(r"([.!?])\s*\.+(?=\s|$)", r"\1", text)
    text = re.sub(r"\s{2,}", " ", text).strip(" ,;:")
    return re.sub(MARK, lambda _: next(quoted), text[:1].upper() + text[1:])


def _article(found: re.Match[str]) -> str:
    fitting = "an" if found[2].lower() in "aeiou" else "a"
    return f"{fitting.capitalize() if found[1][0].isupper() else fitting} "


def is_english(text: str) -> bool:
    """Return whether most of its letters are Latin ones: all that can be told without a dictionary."""
    letters = [letter for letter in text if letter.isalpha()]
    return bool(letters) and sum(letter.isascii() for letter in letters) >= LATIN_SHARE * len(letters)


def is_a_list_of_tags(text: str) -> bool:
    """Return whether it is a list of keywords rather than sentences."""
    pieces = [piece.split() for piece in text.rstrip(". ").split(",")]
    words = sum(len(piece) for piece in pieces)
    return len(pieces) >= TAGS and words / len(pieces) < WORDS_A_TAG and ". " not in text


def shorten(text: str, most: int) -> str:
    """Return at most so many characters, cut after a sentence if there is one, else after a word."""
    if len(text) <= most:
        return text
    cut = text[:most]
    ends = [found.end() for found in SENTENCE_END.finditer(cut)]
    return cut[: ends[-1]] if ends and ends[-1] > most // 3 else cut.rsplit(" ", 1)[0].rstrip(",;: ")
