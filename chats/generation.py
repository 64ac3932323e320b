"""A generation: from the granted ticket to the final row."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from dataclasses import replace
from typing import Any

from django.db import connection
from django.utils import timezone

from chats import attachments, calls, context, summarising, titles
from chats.models import Chat, Message
from chats.planning import Plan, make_plan
from chats.running import Running, claim_answer
from chats.thoughts import Thoughts
from chats.websearch import searching
from gpu import arbiter
from gpu.models import learn_from_answer
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


class Tally:
    """What this answer took, in seconds from the moment of asking."""

    def __init__(self) -> None:
        self.asked = time.monotonic()
        self.first: float | None = None
        self.first_word: float | None = None
        self.last = 0.0
        self.numbers: Numbers | None = None
        self.fitted = context.Fitted([], 0, 0)
        self.tool_calls: list[dict[str, Any]] = []

    def note(self, piece: Piece) -> None:
        if piece.text or piece.thinking:
            self.last = time.monotonic() - self.asked
            self.first = self.first if self.first is not None else self.last
        if piece.text and self.first_word is None:
            self.first_word = self.last
        self.numbers = piece.numbers or self.numbers

    def card_seconds(self) -> float:
        """Return what this answer took of the card: Ollama's own numbers, else since the first token."""
        if self.numbers:
            return self.numbers.load_seconds + self.numbers.prompt_seconds + self.numbers.seconds
        return time.monotonic() - self.asked - self.first if self.first is not None else 0.0

    def thinking_seconds(self) -> float:
        """Return how long the model thought before its first word; 0 for one that answered at once."""
        if self.first is None or self.first_word == self.first:
            return 0.0
        return (self.last if self.first_word is None else self.first_word) - self.first

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
            "thinking": self.thinking_seconds(),
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
    plan = None
    try:
        is_call = running.message.chat.kind == Chat.Kind.CALL
        plan = calls.make_plan(running.message) if is_call else make_plan(running.message)
        plan = _look_up(running, lease, plan)
        _answer(running, lease, plan, tally)
        lease.complete = True
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
    is_chat = running.message.chat.kind == Chat.Kind.CHAT
    if plan and tally.numbers and is_chat and running.message.kind == Message.Kind.ANSWER:
        titles.try_title(running.message, lease, url=plan.url, model=plan.model)


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


def _look_up(running: Running, lease: arbiter.Held, plan: Plan) -> Plan:
    """Return the plan with what the web says to the question, if a search was wished for."""
    mode = running.message.search.get("mode", "")
    if not mode or running.message.kind != Message.Kind.ANSWER or plan.continues:
        return plan
    running.line.tell("status", status="searching")
    with timezone.override(running.message.search.get("zone", "UTC")):
        found = searching.search_for(
            plan,
            user_id=running.message.author_id,
            mode=mode,
            complete=lambda ask, _timeout: _complete(running, lease, plan, ask),
            wanted=lambda: running.ends_as is None,
        )
    _keep_search(running, found.queries, found.notice, found.sources)
    return replace(plan, found=found.system)


def _keep_search(running: Running, queries: list[str], notice: str, sources: list[dict[str, Any]]) -> None:
    """Keep with the answer what was searched for and found, and tell whoever follows it."""
    message = running.message
    search = {"mode": message.search["mode"], "queries": queries, "notice": notice}
    Message.objects.held_by(running.claim).update(search=search, sources=sources)
    if sources != message.sources:
        running.line.tell("sources", sources=sources)
    message.search, message.sources = search, sources
    if notice:
        running.line.tell("notice", code=f"search_{notice}")


def _complete(running: Running, lease: arbiter.Held, plan: Plan, ask: Ask) -> tuple[str, Numbers]:
    """Return a whole answer of which nothing is shown. Raises ServiceError, HungUpError, LeaseLostError."""
    text, numbers = "", Numbers()
    for piece in lease.watch(running.listen_to(Ollama(plan.url).answer(ask))):
        text += piece.text
        numbers = piece.numbers or numbers
    return text, numbers


def _answer(running: Running, lease: arbiter.Held, plan: Plan, tally: Tally) -> None:
    connection.close()  # an answer takes minutes, and a connection is dear
    if running.message.kind == Message.Kind.SUMMARY:
        plan = summarising.prepare(plan, lambda part: _read(running, lease, part, tally))
    try:
        _answer_within(running, lease, plan, tally)
    except errors.ContextFullError:
        if not plan.found or tally.first is not None:
            raise
        _keep_search(running, running.message.search["queries"], searching.NO_ROOM, [])
        _answer_within(running, lease, replace(plan, found=""), tally)


def _answer_within(running: Running, lease: arbiter.Held, plan: Plan, tally: Tally) -> None:
    """Answer with fewer and fewer of the older turns, while Ollama finds them too much."""
    budget = plan.budget
    for attempt in range(FIT_TRIES):
        try:
            tally.fitted = plan.fit(budget)
            _tell_beginning(running, plan, tally)
            _stream(running, lease, plan, tally)
            return
        except errors.ContextFullError:
            if attempt == FIT_TRIES - 1 or tally.first is not None:
                raise
            budget = int(budget * SHRINK)


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


def _stream(running: Running, lease: arbiter.Held, plan: Plan, tally: Tally) -> None:
    stream = running.listen_to(Ollama(plan.url).answer(_ask(plan, tally)))
    for piece in map(Thoughts().sort, lease.watch(stream)):
        if tally.first is None and (piece.text or piece.thinking):
            running.line.tell("status", status="streaming")
        tally.note(piece)
        if piece.text or piece.thinking:
            running.line.add(text=piece.text, thinking=piece.thinking)
        if piece.tool_calls:
            tally.tool_calls += piece.tool_calls
            running.line.tell("tool", calls=list(piece.tool_calls))
        _rest(stream)
    _finish(running, Message.Status.COMPLETE, tally, plan)


def _ask(plan: Plan, tally: Tally) -> Ask:
    return Ask(
        model=plan.model.name,
        messages=plan.given if isinstance(plan, calls.CallPlan) else _messages(tally.fitted.turns),
        num_ctx=plan.window,
        keep_alive=plan.row.stays_loaded(),
        think=plan.think,
        num_predict=plan.options.num_predict,
        options=dict(plan.options.sampling),
        format=plan.format,
        tools=plan.tools,
    )


def _read(running: Running, lease: arbiter.Held, plan: Plan, tally: Tally) -> str:
    """Return what the model says to a part of what is to be summed up; nothing of it is shown."""
    tally.fitted = plan.fit(plan.window)
    stream = running.listen_to(Ollama(plan.url).answer(_ask(plan, tally)))
    return "".join(piece.text for piece in map(Thoughts().sort, lease.watch(stream)))


def _messages(turns: list[context.Turn]) -> list[dict[str, Any]]:
    """Return the turns as Ollama takes them, their pictures in base64."""
    told: list[dict[str, Any]] = [turn.as_message() for turn in turns]
    for turn, message in zip(turns, told, strict=True):
        if turn.pictures:
            files = attachments.read_pictures(turn.message_id)
            message["images"] = [b64encode(data).decode() for data in files]
    connection.close()
    return told


def _rest(stream: Stream) -> None:
    """Let tokens gather while many answers run: one wake-up for several costs less than one each."""
    if stream.waited > BLOCKED and (pause := pause_for(scribe().running)):
        time.sleep(pause)


def _fail(running: Running, error: errors.ServiceError, tally: Tally) -> None:
    interrupted = isinstance(error, INTERRUPTING) and tally.first is not None
    status = Message.Status.INTERRUPTED if interrupted else Message.Status.FAILED
    _finish(running, status, tally, code=error.code, about=error.about)


def _share_read(tally: Tally, plan: Plan) -> int:
    """Return the share of the prompt that Ollama has read, in per cent, as far as that can be known."""
    if tally.numbers is None or plan.row.pk is None or tally.fitted.has_pictures:
        return 100  # nothing has been measured yet
    return context.share_read(
        tally.fitted.bytes, tally.numbers.prompt_tokens, plan.row.bytes_per_token, window=plan.window
    )


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
    if plan and (read := _share_read(tally, plan)) < 100:
        logger.warning("Ollama read %s %% of answer %s's prompt", read, running.message_id)
        numbers["dropped"] = read
    if numbers.get("tokens"):
        running.line.tell("usage", **numbers)
    if tally.tool_calls:
        calls.keep_tool_calls(running.message_id, tally.tool_calls)
    running.finish(status, code=code, error_about=about or {}, numbers=numbers)
    if plan and tally.numbers and "dropped" not in numbers:
        learn_from_answer(
            plan.model.name,
            sent_bytes=tally.fitted.bytes,
            # nothing is learned of bytes from tokens that are pictures
            prompt_tokens=0 if tally.fitted.has_pictures else tally.numbers.prompt_tokens,
            load_seconds=tally.numbers.load_seconds,
        )
