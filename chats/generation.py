"""A generation: from the granted ticket to the final row."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from django.db import connection

from chats import attachments, context
from chats.models import Message
from chats.running import Running, claim_answer
from chats.threads import read_thread
from gpu import arbiter, snapshot
from gpu.models import LanguageModel, learn_from_answer, settings_for
from gpu.services import errors
from gpu.services.ollama import Ask, Numbers, Ollama, Piece, Stream
from gpu.services.wire import HungUpError
from live.scribe import pause_for, scribe

logger = logging.getLogger(__name__)

SHRINK = 0.7  # of the budget, when Ollama says that it was too much after all
FIT_TRIES = 4
BLOCKED = 0.002  # seconds; a read that took longer had to wait for the model
# A refused or broken call failed; a call that ended in mid-answer was interrupted.
INTERRUPTING = (errors.CutOffError, errors.EndedEarlyError)


@dataclass(frozen=True)
class Plan:
    """Everything that a call needs, read before it, so that no database is held during it."""

    url: str
    row: LanguageModel
    model: snapshot.Known
    turns: list[context.Turn]
    continues: bool

    @property
    def window(self) -> int:
        return self.row.window(self.model.context_length)


class Tally:
    """What this answer took, in seconds from the moment of asking."""

    def __init__(self) -> None:
        self.asked = time.monotonic()
        self.first: float | None = None
        self.last = 0.0
        self.numbers: Numbers | None = None
        self.fitted = context.Fitted([], 0, 0)

    def note(self, piece: Piece) -> None:
        if piece.text or piece.thinking:
            self.last = time.monotonic() - self.asked
            self.first = self.first if self.first is not None else self.last
        self.numbers = piece.numbers or self.numbers

    def card_seconds(self) -> float:
        """Return what this answer took of the card: Ollama's own numbers, else since the first token."""
        if self.numbers:
            return self.numbers.load_seconds + self.numbers.prompt_seconds + self.numbers.seconds
        return time.monotonic() - self.asked - self.first if self.first is not None else 0.0

    def report(self, window: int) -> dict[str, object]:
        """Return the numbers as the row keeps them."""
        told = self.numbers or Numbers(done_reason="")
        report = {
            "first_token": self.first,
            "tokens": told.tokens,
            "speed": told.tokens / told.seconds if told.seconds else 0,
            "load": told.load_seconds if told.load_seconds > 0.5 else 0,
            "prompt_tokens": told.prompt_tokens,
            "num_ctx": window,
            "left_out": self.fitted.left_out,
            "unseen": self.fitted.unseen,
            "done_reason": told.done_reason,
        }
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in report.items()
            if value
        }


def generate(message_id: int, lease_id: str) -> None:
    """Answer a queued message under the lease that was granted; returns quietly when somebody else does."""
    with arbiter.hold(lease_id) as lease:
        if lease is None:
            return
        running = claim_answer(message_id)
        if running is None:
            lease.used = 0
            return
        lease.on_loss(lambda: running.end_as(Message.Status.INTERRUPTED))
        _generate(running, lease)


def _generate(running: Running, lease: arbiter.Held) -> None:
    tally = Tally()
    try:
        plan = make_plan(running.message)
        lease.check()
        _answer(running, plan, tally)
    except (HungUpError, arbiter.LeaseLostError):
        _end_early(running, lease, tally)
    except errors.ServiceError as error:
        logger.info("answer %s: %s: %s", running.message_id, error.code, error)
        _fail(running, error, tally)
    except Exception:  # a row must never be left running
        logger.exception("answer %s met an unforeseen error", running.message_id)
        _finish(running, Message.Status.FAILED, tally, code="unexpected")
    finally:
        lease.used = tally.card_seconds()


def _end_early(running: Running, lease: arbiter.Held, tally: Tally) -> None:
    """End what was hung up; an answer that lost the card before its first word waits for it again."""
    status = running.ends_as or Message.Status.INTERRUPTED
    if not lease.lost or status == Message.Status.STOPPED:
        _finish(running, status, tally)
    elif running.line.length:
        _finish(running, Message.Status.INTERRUPTED, tally, code="lease_lost")
    elif running.give_back():
        message = running.message
        arbiter.enqueue(arbiter.Ticket("message", message.pk, message.author_id, about=message.model_name))


def make_plan(message: Message) -> Plan:
    """Return what to ask whom. Raises ServiceError."""
    seen = snapshot.look_now()
    if seen.state == snapshot.DOWN:
        raise errors.ServiceDownError(url=seen.url)
    if not seen.chat_models():
        raise errors.NoModelError
    name = message.model_name
    model = seen.find(name) or snapshot.Known(name, 0)
    thread = read_thread(message.chat, upto=message)
    attachments.show_pictures(thread)
    turns = [read_turn(past, sees=model.sees) for past in thread if past.content or past.pictures]
    return Plan(seen.url, settings_for(model.name), model, turns, continues=bool(message.content))


def read_turn(past: Message, *, sees: bool) -> context.Turn:
    """Return a message as a model sees it; to one that can't see, its pictures are a word."""
    count = len(past.pictures)
    if sees or not count:
        return context.Turn(past.role, past.content, count, past.pk)
    named = past.kind == Message.Kind.PICTURE  # its text says already that it is one
    words = past.content if named else context.in_words(past.content, count)
    return context.Turn(past.role, words, message_id=past.pk, unseen=count)


def _answer(running: Running, plan: Plan, tally: Tally) -> None:
    connection.close()  # an answer takes minutes, and a connection is dear
    budget = context.prompt_budget(plan.window)
    for attempt in range(FIT_TRIES):
        try:
            tally.fitted = _fit(plan, budget)
            _tell_beginning(running, plan, tally)
            _stream(running, plan, tally)
            return
        except errors.ContextFullError:
            if attempt == FIT_TRIES - 1 or tally.first is not None:
                raise
            budget = int(budget * SHRINK)


def _fit(plan: Plan, budget: int) -> context.Fitted:
    try:
        return context.fit(
            plan.turns,
            budget=budget,
            bytes_per_token=plan.row.bytes_per_token,
            keep=2 if plan.continues else 1,
        )
    except context.TooLongError:
        raise errors.ContextFullError from None


def _tell_beginning(running: Running, plan: Plan, tally: Tally) -> None:
    status = "waiting" if plan.model.loaded else "loading"
    about = {"gb": plan.model.size_gb} if plan.model.size else {}
    if plan.row.load_seconds:
        about["usual"] = round(plan.row.load_seconds)
    running.line.tell("status", status=status, model=plan.model.name, **about)
    if tally.fitted.left_out:
        running.line.tell("notice", code="left_out", n=tally.fitted.left_out)
    if unseen := tally.fitted.unseen:
        running.line.tell("notice", code="unseen", n=unseen)


def _stream(running: Running, plan: Plan, tally: Tally) -> None:
    ask = Ask(
        model=plan.model.name,
        messages=_messages(tally.fitted.turns),
        num_ctx=plan.window,
        keep_alive=plan.row.stays_loaded(),
        think=thinking_of(plan.model),
    )
    stream = running.listen_to(Ollama(plan.url).answer(ask))
    for piece in stream:
        if tally.first is None and (piece.text or piece.thinking):
            running.line.tell("status", status="streaming")
        tally.note(piece)
        if piece.text or piece.thinking:
            running.line.add(text=piece.text, thinking=piece.thinking)
        _rest(stream)
    _finish(running, Message.Status.COMPLETE, tally, plan)


def _messages(turns: list[context.Turn]) -> list[dict[str, Any]]:
    """Return the turns as Ollama takes them, their pictures in base64."""
    told: list[dict[str, Any]] = [turn.as_message() for turn in turns]
    for turn, message in zip(turns, told, strict=True):
        if turn.pictures:
            files = attachments.read_pictures(turn.message_id)
            message["images"] = [b64encode(data).decode() for data in files]
    connection.close()
    return told


def thinking_of(model: snapshot.Known) -> bool | str:
    """Return `think` for the model; gpt-oss takes a level and can't be told not to."""
    if not model.thinks:
        return False
    return "medium" if model.family == "gptoss" else True


def _rest(stream: Stream) -> None:
    """Let tokens gather while many answers run: one wake-up for several costs less than one each."""
    if stream.waited > BLOCKED and (pause := pause_for(scribe().running)):
        time.sleep(pause)


def _fail(running: Running, error: errors.ServiceError, tally: Tally) -> None:
    interrupted = isinstance(error, INTERRUPTING) and tally.first is not None
    status = Message.Status.INTERRUPTED if interrupted else Message.Status.FAILED
    _finish(running, status, tally, code=error.code, about=error.about)


def _finish(
    running: Running,
    status: Message.Status,
    tally: Tally,
    plan: Plan | None = None,
    *,
    code: str = "",
    about: dict[str, object] | None = None,
) -> None:
    numbers = tally.report(plan.window if plan else 0)
    if numbers.get("tokens"):
        running.line.tell("usage", **numbers)
    running.finish(status, code=code, error_about=about or {}, numbers=numbers)
    if plan and tally.numbers:
        learn_from_answer(
            plan.model.name,
            sent_bytes=tally.fitted.bytes,
            # nothing is learned of bytes from tokens that are pictures
            prompt_tokens=0 if tally.fitted.has_pictures else tally.numbers.prompt_tokens,
            load_seconds=tally.numbers.load_seconds,
        )
