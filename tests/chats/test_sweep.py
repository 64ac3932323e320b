from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from chats import sweep
from chats.models import Message
from live import log
from live.redis import client
from tests.chats.conversation import ask, tickets

pytestmark = pytest.mark.django_db
Status = Message.Status


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def lost(user: User, *, status: str = "queued", seconds: float | None = None) -> Message:
    """Return an answer that was sent so long ago and that nobody has claimed."""
    answer = ask(user).answer
    sent_at = ago(settings.ANSWER_UNCLAIMED + 1 if seconds is None else seconds)
    Message.objects.filter(pk=answer.pk).update(status=status, sent_at=sent_at)
    return answer


def left_behind(user: User, *, content: str = "", seconds: float | None = None) -> Message:
    """Return a streaming answer whose worker was last heard so long ago."""
    answer = ask(user).answer
    Message.objects.filter(pk=answer.pk).update(
        status=Status.STREAMING,
        claim=f"worker {answer.pk}",
        content=content,
        html="<p>old</p>",
        heartbeat_at=ago(settings.ANSWER_STALE + 1 if seconds is None else seconds),
    )
    return answer


def tell(answer: Message, *frames: dict[str, Any]) -> None:
    """Write frames into the answer's log."""
    for frame in frames:
        client().xadd(log.stream_key("message", answer.pk), {"f": log.encode(frame)})


def text(offset: int, words: str, type_: str = "text") -> dict[str, Any]:
    return {"type": type_, "offset": offset, "text": words}


def swept(answer: Message) -> Message:
    sweep.sweep()
    return Message.objects.get(pk=answer.pk)


@pytest.mark.parametrize("status", Message.UNCLAIMED)
def test_an_answer_that_nobody_claimed_is_sent_again_and_only_once(alice: User, status: str) -> None:
    answer = lost(alice, status=status)
    sweep.send_again()
    sweep.send_again()
    assert tickets() == [answer.pk]
    assert Message.objects.get(pk=answer.pk).status == status


def test_an_answer_sent_a_moment_ago_is_given_its_time(alice: User) -> None:
    lost(alice, seconds=settings.ANSWER_UNCLAIMED - 2)
    sweep.send_again()
    assert tickets() == []


def test_a_claimed_answer_is_not_sent_again(alice: User) -> None:
    answer = lost(alice)
    Message.objects.filter(pk=answer.pk).update(claim="a worker")
    sweep.send_again()
    assert tickets() == []


@pytest.mark.parametrize("status", ["complete", *Message.UNFINISHED])
def test_a_final_answer_is_not_sent_again(alice: User, status: str) -> None:
    lost(alice, status=status)
    sweep.send_again()
    assert tickets() == []


def test_an_answer_left_behind_is_interrupted_and_its_chat_is_free(alice: User) -> None:
    answer = swept(left_behind(alice, content="The sky"))
    assert (answer.status, answer.error_code) == (Status.INTERRUPTED, "worker_lost")
    assert (answer.live_in, answer.claim, answer.heartbeat_at) == (None, None, None)
    assert (answer.content, answer.html) == ("The sky", "")
    assert answer.finished_at is not None
    ask(alice, chat=answer.chat)


def test_who_follows_it_is_told_its_end(alice: User) -> None:
    answer = swept(left_behind(alice))
    (frame,) = log.read_frames(client().xrange(log.stream_key("message", answer.pk)))
    assert (frame["type"], frame["status"], frame["code"]) == ("end", "interrupted", "worker_lost")
    assert 0 < client().ttl(log.stream_key("message", answer.pk)) <= log.KEPT_AFTER_END


@pytest.mark.parametrize(
    ("saved", "frames", "content"),
    [
        ("", [text(0, "The "), text(4, "sky")], "The sky"),
        ("The", [text(0, "The sky is blue")], "The sky is blue"),
        ("The sky is blue", [text(0, "The sky")], "The sky is blue"),
        ("The sky", [], "The sky"),
        ("", [text(0, "The sky"), text(0, "The "), text(4, "sky is")], "The sky is"),
        ("", [{"type": "status", "status": "streaming"}, text(0, "🙂 é"), text(3, "!")], "🙂 é!"),
    ],
)
def test_the_longer_of_what_was_saved_and_what_was_told_is_kept(
    alice: User, saved: str, frames: list[dict[str, Any]], content: str
) -> None:
    answer = left_behind(alice, content=saved)
    tell(answer, *frames)
    assert swept(answer).content == content


def test_the_thinking_is_rebuilt_too(alice: User) -> None:
    answer = left_behind(alice)
    tell(answer, text(0, "Hm, ", "thinking"), text(4, "colours.", "thinking"), text(0, "Blue"))
    answer = swept(answer)
    assert (answer.thinking, answer.content) == ("Hm, colours.", "Blue")


def test_an_answer_whose_worker_was_heard_lately_goes_on(alice: User) -> None:
    answer = left_behind(alice, seconds=settings.ANSWER_STALE - 3)
    assert swept(answer).status == Status.STREAMING


def test_a_second_sweep_changes_and_tells_nothing(alice: User) -> None:
    answer = swept(left_behind(alice, content="The sky"))
    told = client().xlen(log.stream_key("message", answer.pk))
    assert swept(answer).finished_at == answer.finished_at
    assert client().xlen(log.stream_key("message", answer.pk)) == told
