"""The older part of a conversation in a few words: a message of its own, which all can read and edit.

It stands in the thread where the older part ends; a model is shown it in place of all above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats import context, planning, sending
from chats.models import Chat, Message
from chats.planning import Plan
from chats.threads import read_thread
from gpu import snapshot
from gpu.choices import CHAT, model_for
from live.events import tell_user

KEPT_SHARE = 0.4  # of the prompt stays as it is: the newest turns, in their own words
KEPT_TURNS = 2  # at least
INSTRUCTION = (
    "Sum up the conversation so far for yourself, so that you can go on without rereading it."
    " Keep every fact, name, number, decision, open question and wish of the person."
    " Plain sentences, at most 300 words, in the language that the person writes in. No introduction."
)


def summarise_chat(chat: Chat) -> Message:
    """Ask for a summary of all but the newest turns. Raises AppError (invalid, busy)."""
    sending.admit(chat.user)
    thread = read_thread(chat)
    seen = snapshot.read()
    name = chat.model_name or model_for(CHAT, seen)
    last = last_of_older(thread, planning.plan_for(chat, thread, seen=seen, name=name))
    if last is None:
        raise AppError(_("There is nothing older here that could be summed up."), code=Code.INVALID)
    try:
        return _insert(chat, last, name)
    except IntegrityError:
        raise sending.BusyError from None


def last_of_older(thread: Sequence[Message], plan: Plan) -> Message | None:
    """Return the last message that a summary would stand for; None when there are too few."""
    room = int(plan.budget * KEPT_SHARE)
    kept, spent = 0, 0
    for turn in reversed(plan.turns):
        spent += context.count_tokens(turn, plan.row.bytes_per_token)
        if kept >= KEPT_TURNS and spent > room:
            break
        kept += 1
    while 0 < kept < len(plan.turns) and plan.turns[-kept].role != Message.Role.USER:
        kept -= 1  # what is kept begins with a person's turn
    older = plan.turns[: len(plan.turns) - max(kept, 1)]
    by_id = {message.pk: message for message in thread}
    return by_id[older[-1].message_id] if len(older) > 1 else None


@transaction.atomic
def _insert(chat: Chat, last: Message, model_name: str) -> Message:
    """Put the queued summary below `last`, and what followed there below the summary."""
    following = list(Message.objects.filter(parent=last).values_list("pk", flat=True))
    summary = Message.objects.create(
        chat=chat,
        parent=last,
        author=chat.user,
        role=Message.Role.ASSISTANT,
        kind=Message.Kind.SUMMARY,
        status=Message.Status.QUEUED,
        model_name=model_name,
        live_in=chat,
        sent_at=timezone.now(),
    )
    Message.objects.filter(pk__in=following).update(parent=summary)
    tell_user(chat.user_id, "thread", chat=chat.pk)
    sending.queue(summary)
    return summary


def summarise_again(summary: Message) -> Message:
    """Have a summary written anew, in the same place. Raises AppError (busy, draining).

    One that stands for the older part does so again if nothing comes of it.
    """
    sending.admit(summary.chat.user)
    nothing: dict[str, Any] = {"content": "", "thinking": "", "numbers": {}, "edited_at": None}
    sending.requeue(summary, **({} if summary.stands_for_the_older else nothing))
    return summary


def prepare(plan: Plan, read: Callable[[Plan], str]) -> Plan:
    """Return the plan of the summary's last call; what is too long for one is read in pieces before.

    `read(plan)` asks and returns the answer's text.
    """
    instruction = context.Turn("user", INSTRUCTION)
    pieces = list(_pieces(plan, instruction))
    for piece in pieces[:-1]:
        words = read(replace(plan, turns=[*piece, instruction]))
        plan = replace(plan, system=planning.SUMMARY + words)
    return replace(plan, turns=[*(pieces[-1] if pieces else []), instruction])


def _pieces(plan: Plan, instruction: context.Turn) -> Iterator[list[context.Turn]]:
    """Yield the turns in runs that fit; a turn that is too long by itself is cut in the middle."""
    ratio = plan.row.bytes_per_token
    always = [context.Turn("system", plan.system), instruction]
    room = max(context.LEAST_ANSWER, plan.budget - sum(context.count_words(turn, ratio) for turn in always))
    piece: list[context.Turn] = []
    spent = 0
    for turn in plan.turns:
        words = context.in_words(turn.content, turn.pictures)
        turn = _cut(replace(turn, content=words, pictures=0), int(room * ratio))
        cost = context.count_words(turn, ratio)
        if piece and spent + cost > room:
            yield piece
            piece, spent = [], 0
        piece.append(turn)
        spent += cost
    if piece:
        yield piece


def _cut(turn: context.Turn, most: int) -> context.Turn:
    """Return the turn with at most `most` bytes of text."""
    data = turn.content.encode()
    if len(data) <= most:
        return turn
    half = max(1, most // 2 - 8)
    words = f"{data[:half].decode(errors='ignore')} […] {data[-half:].decode(errors='ignore')}"
    return replace(turn, content=words)
