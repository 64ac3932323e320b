"""How much of a conversation the model sees, and whether it has the card to itself: told before it hurts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chats import context, planning, summarising
from chats.models import Chat, Message
from chats.planning import Plan
from chats.threads import read_thread
from gpu import monitor, snapshot
from gpu.labels import with_labels
from gpu.services.errors import ContextFullError

ON_CPU = 0.02  # of a model; less is rounding
GIGA = 2**30  # memory of a card is sold in powers of two
WHOLE = 1.15  # times its file: what a model with a small window takes of the card

HELD = _(
    "%(share)d %% of %(model)s runs on the CPU, so it is slow: something else holds about %(gb)d GB of the"
    " card. Close that and unload the model once; with the next message it comes back whole."
)
SMALLER = _(
    "%(share)d %% of %(model)s runs on the CPU, so it is slow: its context window does not fit the card"
    " with it. With a smaller one it would fit whole; an admin can set it on the page of models."
)
TOO_SMALL = _(
    "%(model)s is larger than the card: %(share)d %% of it runs on the CPU. That works, only slower."
)
NO_CARD = _("%(model)s runs on the CPU: Ollama finds no card it can use. That works, only slower.")


@dataclass(frozen=True)
class Gauge:
    """What the next answer would see; lengths in tokens.

    `cut` is the first message that is seen, 0 when all are; `left_out` counts those above it.
    """

    used: int
    window: int
    measured: bool
    left_out: int = 0
    cut: int = 0
    can_sum_up: bool = False

    @property
    def share(self) -> int:
        """Return the used part of the window in per cent."""
        return min(100, round(100 * self.used / self.window)) if self.window else 0

    @property
    def words(self) -> str:
        """Return used and window in thousands."""
        used, window = (number_format(round(tokens / 1000, 1), 1) for tokens in (self.used, self.window))
        return str(_("%(used)s of %(window)sk") % {"used": used, "window": window})

    @property
    def level(self) -> str:
        """Return how it looks: calm, high or full."""
        if self.left_out:
            return "full"
        return "high" if self.share >= 75 else "calm"  # a quarter of the window belongs to the answer

    @property
    def sentence(self) -> str:
        """Return it in words."""
        if not self.left_out:
            return ""
        return ngettext(
            "%(n)d older message is not sent to the model any more.",
            "%(n)d older messages are not sent to the model any more.",
            self.left_out,
        ) % {"n": self.left_out}


def read_gauge(chat: Chat, *, name: str) -> Gauge:
    """Return what model `name` would see of the chat."""
    thread = read_thread(chat)
    plan = planning.plan_for(chat, thread, seen=snapshot.read(), name=name)
    try:
        fitted = plan.fit(plan.budget)
    except ContextFullError:
        fitted = context.Fitted(plan.turns[-1:], max(0, len(plan.turns) - 1), 0)
    seen = [turn for turn in fitted.turns if turn.message_id]
    measured = _measured(thread, plan)
    counted = sum(context.count_tokens(turn, plan.row.bytes_per_token) for turn in fitted.turns)
    return Gauge(
        used=measured or counted,
        window=min(plan.window, plan.options.budget or plan.window),
        measured=bool(measured),
        left_out=fitted.left_out,
        cut=seen[0].message_id if fitted.left_out and seen else 0,
        can_sum_up=summarising.last_of_older(thread, plan) is not None,
    )


def _measured(thread: Sequence[Message], plan: Plan) -> int:
    """Return what Ollama itself counted, when the thread ends with an answer of this very model."""
    last = thread[-1] if thread else None
    if last is None or last.edited_at or last.model_name != plan.model.name:
        return 0
    if last.thinking or last.sources:
        return 0  # neither thoughts nor what was found go with the next question
    if last.numbers.get("num_ctx") != plan.window or not last.numbers.get("prompt_tokens"):
        return 0
    return int(last.numbers["prompt_tokens"]) + int(last.numbers.get("tokens", 0))


@dataclass(frozen=True)
class Slow:
    """A model that computes partly on the CPU. `loud`: there is something that can be done about it."""

    model: str
    share: int
    loud: bool
    sentence: str


def read_slow(name: str) -> Slow | None:
    """Return what is to be said of a model that is not wholly on the card, None when it is.

    The built-in toy model has no card and needs none.
    """
    seen = snapshot.read()
    model = None if seen.is_engine else seen.find(name)
    return slow_of(with_labels([model])[0], monitor.read()) if model else None


def slow_of(model: snapshot.Known, card: monitor.Reading) -> Slow | None:
    """Return what is to be said of a model, with the card as it is read (an empty reading: unknown)."""
    if model.on_cpu <= ON_CPU * model.size_loaded:
        return None
    others = card.foreign + card.comfyui
    total = card.total or model.size_vram  # at least so much
    if not total and not others:
        sentence = NO_CARD
    elif others >= model.on_cpu or total - others < WHOLE * model.size <= total:
        sentence = HELD
    else:
        sentence = SMALLER if WHOLE * model.size <= total else TOO_SMALL
    share = round(100 * model.on_cpu / model.size_loaded)
    about = {"model": model.shown_name, "share": share, "gb": max(1, round(others / GIGA))}
    return Slow(model.name, share, loud=sentence in (HELD, SMALLER), sentence=str(sentence) % about)
