"""Calls of programs that speak the API that many know: hidden chats of one answer each, gone in a day.

A call waits in the same line as everybody's questions, under the same limits. What it says is
sent as it stands; only the model's window, and how long it stays loaded, remain the model's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chats import context, options, planning, sending
from chats.models import Call, Chat, Message
from gpu import arbiter, snapshot
from gpu.models import settings_for
from gpu.services import errors

KEPT = timedelta(days=1)
TITLE = "API"


@dataclass(frozen=True)
class Asked:
    """A call as it came: the model, the messages as Ollama takes them, and how they are answered."""

    model_name: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    format: dict[str, Any] | str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    num_predict: int | None = None
    think: str = ""


@dataclass(frozen=True)
class CallPlan(planning.Plan):
    """A plan that sends what was given: all of it, or nothing when the model's window is too small."""

    given: list[dict[str, Any]] = field(default_factory=list)

    def fit(self, budget: int) -> context.Fitted:
        """Return the size of what is sent. Raises ContextFullError once Ollama has said it is too much."""
        if budget < self.budget:
            raise errors.ContextFullError
        size = sum(len(str(message.get("content") or "").encode()) for message in self.given)
        shown = [context.Turn("user", "", 1)] if any(message.get("images") for message in self.given) else []
        return context.Fitted(shown, 0, size)


@transaction.atomic
def place_call(user: Any, asked: Asked) -> Message:
    """Return the queued answer of a call. Raises AppError (forbidden, limit, draining)."""
    sending.admit(user)
    now = timezone.now()
    chat = begin_hidden(user, model_name=asked.model_name)
    answer = Message.objects.create(
        chat=chat,
        author=user,
        role=Message.Role.ASSISTANT,
        status=Message.Status.QUEUED,
        model_name=asked.model_name,
        live_in=chat,
        sent_at=now,
    )
    Call.objects.create(
        message=answer,
        messages=asked.messages,
        tools=asked.tools,
        format=asked.format,
        options=asked.options,
        num_predict=asked.num_predict,
        think=asked.think,
    )
    ticket = arbiter.Ticket("message", answer.pk, user.pk, about=asked.model_name)
    transaction.on_commit(lambda: arbiter.enqueue(ticket))
    return answer


def begin_hidden(user: Any, *, model_name: str = "") -> Chat:
    """Return a new chat that no list has."""
    return Chat.objects.create(
        user=user, kind=Chat.Kind.CALL, title=TITLE, model_name=model_name, updated_at=timezone.now()
    )


def make_plan(message: Message) -> CallPlan:
    """Return what to ask whom for a call. Raises ServiceError."""
    seen = snapshot.look_now()
    if seen.state == snapshot.DOWN:
        raise errors.ServiceDownError(url=seen.url)
    call = Call.objects.get(message=message)
    model = seen.find(message.model_name) or snapshot.Known(message.model_name, 0)
    wished = options.Options(sampling=call.options, num_predict=call.num_predict, think=call.think)
    return CallPlan(
        seen.url,
        settings_for(model.name),
        model,
        turns=[],
        options=wished,
        format=call.format,
        tools=call.tools,
        given=call.messages,
    )


def keep_tool_calls(message_id: int, tool_calls: list[dict[str, Any]]) -> None:
    """Keep what the model of a call wants called."""
    Call.objects.filter(message=message_id).update(tool_calls=tool_calls)


def purge_calls() -> int:
    """Remove the calls of more than a day ago; returns how many."""
    old = Chat.objects.filter(kind=Chat.Kind.CALL, updated_at__lt=timezone.now() - KEPT)
    gone = list(old.exclude(messages__status__in=Message.RUNNING).values_list("pk", flat=True))
    Chat.objects.filter(pk__in=gone).update(leaf=None)
    Chat.objects.filter(pk__in=gone).delete()
    return len(gone)
