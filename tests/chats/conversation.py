"""What the tests of chats make, and where they look."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from accounts.models import User
from chats import sending
from chats.models import Chat, Message
from gpu.snapshot import READY, Known, Snapshot
from live.redis import client, key

MODEL = "smollm2:135m"


def ask(user: User, content: str = "What is up?", *, chat: Chat | None = None, **more: Any) -> sending.Sent:
    """Send a message as the user would."""
    return sending.send_message(chat, author=user, content=content, **({"model_name": MODEL} | more))


def finish(
    answer: Message, content: str = "The sky.", *, status: str = "complete", **changes: Any
) -> Message:
    """Make the answer final, as its worker would."""
    final = {"status": status, "content": content, "live_in": None, "claim": None, **changes}
    Message.objects.filter(pk=answer.pk).update(finished_at=timezone.now(), **final)
    answer.refresh_from_db()
    return answer


def answered_chat(user: User, *, turns: int = 1, status: str = "complete") -> Chat:
    """Return a chat with this many questions and answers, the last with `status`."""
    chat = Chat.objects.create(user=user, updated_at=timezone.now())
    for turn in range(turns):
        last = turn == turns - 1
        finish(ask(user, f"Question {turn}", chat=chat).answer, status=status if last else "complete")
    return Chat.objects.get(pk=chat.pk)


def leaf(chat: Chat) -> Message:
    """Return the message where the chat stands, read anew."""
    return Message.objects.get(pk=Chat.objects.values_list("leaf_id").get(pk=chat.pk)[0] or 0)


def know_models(
    *models: Known,
    state: str = READY,
    url: str = "http://ollama.example:11434",
    kind: str = "configured",
) -> None:
    """Keep a look at Ollama, as `upkeep` would."""
    seen = Snapshot(state, kind, url, "0.32.15", models=models or (Known(MODEL, 98_362_745),))
    client().set(key("snapshot"), json.dumps(asdict(seen)))


def tickets() -> list[int]:
    """Return the answers whose tasks wait in the broker, oldest first."""
    waiting = [json.loads(entry) for entry in client().lrange(key("llm"), 0, -1)]
    bodies = [json.loads(base64.b64decode(entry["body"])) for entry in waiting]
    return [int(body[0][0]) for body in reversed(bodies)]
