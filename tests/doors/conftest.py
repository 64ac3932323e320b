"""A house with everything in it that a door can lead to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiKey, Avatar, Invite, Role, ScriptLogin, User
from chats.models import Chat, Message
from imaging.models import GeneratedImage, ImageJob, SourcePicture
from live.redis import client as redis
from tests.conftest import PASSWORD, signed_in
from tests.imaging.studio import upload

ACTORS = ("anonymous", "stranger", "owner", "guest", "blocked", "admin")


@dataclass
class House:
    """Alice's things, and everybody who knocks."""

    browsers: dict[str, Client]
    tokens: dict[str, str]
    people: dict[str, User]
    things: dict[str, Any]
    picture_message: int

    def address(self, route: str) -> dict[str, Any]:
        """Return the arguments of a route that lead to alice's things."""
        of_a_picture = "image/(?P<message_id>" in route
        return self.things | ({"message_id": self.picture_message} if of_a_picture else {})


@pytest.fixture
def house(alice: User, bob: User, admin: User) -> House:
    redis().flushdb()
    people = {
        "stranger": bob,
        "owner": alice,
        "guest": User.objects.create_user("guest", None, PASSWORD, role=Role.GUEST),
        "blocked": User.objects.create_user("blocked"),
        "admin": admin,
    }
    browsers = {"anonymous": Client()} | {name: signed_in(user) for name, user in people.items()}
    access = {name: tokens.begin(user)["access"] for name, user in people.items()}
    for each in browsers.values():
        each.raise_request_exception = False
    User.objects.filter(pk=people["blocked"].pk).update(is_active=False)
    return House(browsers, access, people, *_things(alice))


def _things(alice: User) -> tuple[dict[str, Any], int]:
    now = timezone.now()
    chat = Chat.objects.create(user=alice, title="Alice's", updated_at=now)
    asked = Message.objects.create(chat=chat, author=alice, role="user", content="Hello?", finished_at=now)
    answer = Message.objects.create(
        chat=chat,
        author=alice,
        role="assistant",
        content="Hi.",
        parent=asked,
        status="complete",
        finished_at=now,
    )
    shown = Message.objects.create(
        chat=chat, author=alice, role="assistant", kind="picture", parent=answer, status="complete"
    )
    Chat.objects.filter(pk=chat.pk).update(leaf=shown)
    source: SourcePicture = upload(alice)
    job = ImageJob.objects.create(
        user=alice, chat=chat, message=shown, kind="txt2img", description="a fox", width=256, height=256,
        variants=1, status="done", prompt="A fox.", sent_at=now,
    )  # fmt: skip
    image = GeneratedImage.objects.create(
        job=job, index=0, seed=1, width=256, height=256, file=source.file, prompt_id="1" * 32, status="done"
    )
    key = ApiKey.objects.create(user=alice, name="script", key_hash="0" * 64)
    place = UserSession.objects.create(user=alice, ip="127.0.0.1", session_key="of a browser", user_agent="")
    Avatar.objects.create(user=alice, sha="1" * 64, data=b"RIFF")
    return {
        "chat_id": chat.pk,
        "message_id": answer.pk,
        "job_id": job.pk,
        "image_id": image.pk,
        "source_id": source.pk,
        "key_id": key.pk,
        "session_id": place.pk,
        "login_id": ScriptLogin.objects.get(user=alice).pk,
        "invite_id": Invite.objects.create(token_hash="0" * 64, expires_at=now + timedelta(days=1)).pk,
        "user_id": alice.pk,
        "sha": "1" * 64,
        "sha256": source.file.sha256,
        "variant": "original",
        "name": "smollm2:135m",
        "token": "no-such-token",
        "uidb36": "1",
        "key": "set-password",
        "url": "no/such/page",
        "rest": "no/such/thing",
        "app_label": "accounts",
    }, shown.pk
