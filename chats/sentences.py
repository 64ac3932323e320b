"""Every state and failure in words: what happened, is the work safe, what to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

Sentence = str | Promise

ERRORS: dict[str, Sentence] = {
    "service_down": _(
        "Ollama does not answer at %(url)s. Your message is saved; try again when Ollama is running."
    ),
    "service_busy": _("Ollama's own queue is full. Your message is saved; try again in a minute."),
    "service_refused": _(
        "Ollama refuses calls under this host name. Your message is saved. The operator can set"
        " OLLAMA_URL to an IP address, or OLLAMA_HOST=0.0.0.0 for Ollama."
    ),
    "service_failed": _("Ollama met an error of its own. What was written is kept; try again."),
    "model_missing": _(
        "The model %(model)s is not installed any more. Your message is saved; choose another model"
        " and try again."
    ),
    "model_failed": _("The model broke off in mid-answer. What was written is kept; continue or try again."),
    "context_full": _(
        "The conversation is longer than this model can read at once. Your message is saved; shorten it or"
        " choose a model with a larger window."
    ),
    "service_hangs": _(
        "Ollama took the question and does not answer. Your message is saved; try again,"
        " or ask the admin to restart Ollama."
    ),
    "garbled": _("Ollama sent something that is no answer. What was written is kept; try again."),
    "cut_off": _(
        "The connection to Ollama broke in mid-answer. What was written is kept; continue or try again."
    ),
    "ended_early": _(
        "Ollama ended the answer early, usually because the model repeated itself."
        " What was written is kept; continue or try again."
    ),
    "no_model": _("No model is installed yet. Your message is saved; try again when there is one."),
    "worker_lost": _(
        "The answer was interrupted by a restart. What was written is kept; continue when you like."
    ),
    "lease_lost": _(
        "The answer lost the card to somebody else. What was written is kept; continue when you like."
    ),
    "unexpected": _("Something unforeseen went wrong. What was written is kept; try again."),
}

STATUSES: dict[str, Sentence] = {
    "stopped": _("Stopped."),
    "failed": _("The answer failed. What was written is kept; try again."),
    "interrupted": _("The answer was interrupted. What was written is kept; continue when you like."),
}


SEARCH: dict[str, Sentence] = {
    "no_key": _("Nothing was searched: no web search is set up here. The answer is from the model alone."),
    "bad_key": _("The web search refused its key, so the answer is from the model alone. Tell the admin."),
    "quota": _("The web search's quota is used up, so the answer is from the model alone."),
    "budget": _("This month's searches are used up, so the answer is from the model alone."),
    "timeout": _("The web search took too long, so the answer is from the model alone."),
    "no_results": _("The web search found nothing, so the answer is from the model alone."),
    "no_room": _(
        "Beside the question there is no room for what a web search finds, so the answer is from the model"
        " alone. A larger window would have it."
    ),
    "failed": _("The web search did not work, so the answer is from the model alone."),
}


def search_notice(search: dict[str, Any]) -> list[str]:
    """Return why an answer comes without the search that was wished for."""
    sentence = SEARCH.get(str(search.get("notice") or ""))
    return [str(sentence)] if sentence else []


def shown_sources(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sources with an address of the web, each with its `host`."""
    web = [source for source in sources if str(source.get("url", "")).startswith(("http://", "https://"))]
    return [
        {**source, "host": (urlsplit(source["url"]).hostname or "").removeprefix("www.")} for source in web
    ]


def explain(status: str, code: str, about: dict[str, Any]) -> str:
    """Return the sentence for an answer's state; "" for one that runs or is complete."""
    sentence = ERRORS.get(code) or STATUSES.get(status)
    if status not in STATUSES or sentence is None:
        return ""
    named = {"url": "Ollama", "model": "", **about}
    return str(sentence) % named if "%(" in str(sentence) else str(sentence)


def notices(numbers: dict[str, Any]) -> list[str]:
    """Return what should be known of a finished answer besides its text."""
    lines = []
    if numbers.get("kept"):
        lines.append(str(_("The new summary was not finished, so this is the one before.")))
    if left := numbers.get("left_out"):
        text = ngettext("%(n)d older message was not sent.", "%(n)d older messages were not sent.", left)
        lines.append(text % {"n": left})
    if unseen := numbers.get("unseen"):
        text = ngettext(
            "%(n)d picture was not sent: this model can't see.",
            "%(n)d pictures were not sent: this model can't see.",
            unseen,
        )
        lines.append(text % {"n": unseen})
    if dropped := numbers.get("dropped"):
        lost = _("Ollama read only about %(n)d %% of what was sent: it dropped the rest, against our wish.")
        lines.append(str(lost) % {"n": dropped})
    if numbers.get("done_reason") == "length":
        lines.append(str(_("The answer reached its greatest length; it can be continued.")))
    return lines


def thought_line(numbers: dict[str, Any]) -> str:
    """Return how long a model thought; just that it did when nobody has measured it."""
    if seconds := numbers.get("thinking"):
        return str(_("Thought for %(n)s") % {"n": _seconds(seconds)})
    return str(_("Thoughts"))


def number_lines(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    """Return label and value of each number that was measured."""
    lines: list[tuple[Sentence, str]] = []
    if first := numbers.get("first_token"):
        lines.append((_("first token"), _seconds(first)))
    if tokens := numbers.get("tokens"):
        lines.append((_("tokens"), str(tokens)))
    if speed := numbers.get("speed"):
        lines.append((_("speed"), str(_("%(n)s tokens/s") % {"n": f"{speed:.0f}"})))
    if load := numbers.get("load"):
        lines.append((_("loading"), _seconds(load)))
    if numbers.get("prompt_tokens") and numbers.get("num_ctx"):
        lines.append((_("context"), f"{numbers['prompt_tokens']} / {numbers['num_ctx']}"))
    return [(str(label), value) for label, value in lines]


def _seconds(value: float) -> str:
    digits = 1 if value < 10 else 0
    return str(_("%(n)s s") % {"n": number_format(round(value, digits), digits)})
