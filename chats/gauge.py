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
from gpu.services.errors import ContextFullError

ON_CPU = 0.02  # of a model; less is rounding
GIGA = 2**30  # memory of a card is sold in powers of two
SMALLER_HELPS = 0.15  # of a model on the CPU is about what half the window takes

HELD = _(
    "%(share)d %% of %(model)s runs on the CPU, so it is slow: something else holds about %(gb)d GB of the"
    " card. Close that and unload the model once; with the next message it comes back whole."
)
SMALLER = _(
    "%(share)d %% of %(model)s runs on the CPU, so it is slow: it almost fits the card. With a smaller"
    " context window it would fit whole; an admin can set it on the page of models."
)
TOO_SMALL = _(
    "%(model)s is larger than the card: %(share)d %% of it runs on the CPU. That works, only slower."
)


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
    """Return what is to be said of a model that is not wholly on the card, None when it is."""
    reading = monitor.read()
    model = snapshot.read().find(name)
    return slow_of(model, foreign=0 if reading.stale else reading.foreign) if model else None


def slow_of(model: snapshot.Known, *, foreign: int) -> Slow | None:
    """Return what is to be said of a model while others hold `foreign` bytes of the card."""
    if model.on_cpu <= ON_CPU * model.size_loaded:
        return None
    share = round(100 * model.on_cpu / model.size_loaded)
    about = {"model": model.name, "share": share, "gb": max(1, round(foreign / GIGA))}
    if foreign >= model.on_cpu:
        return Slow(model.name, share, loud=True, sentence=str(HELD) % about)
    if model.on_cpu <= SMALLER_HELPS * model.size_loaded:
        return Slow(model.name, share, loud=True, sentence=str(SMALLER) % about)
    return Slow(model.name, share, loud=False, sentence=str(TOO_SMALL) % about)
