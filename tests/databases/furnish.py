"""A database with what real ones hold: run by `manage.py shell` in the copy's test."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts import audit, links
from accounts.models import Avatar, Usage, User
from chats.models import Chat, Message
from imaging.models import GeneratedImage, ImageJob, StoredFile

LONG_AGO = timezone.now() - timedelta(days=400, microseconds=123456)

anna = User.objects.create_user("анна", "anna@example.org", "correct horse battery", name="Анна 🦊")
boris = User.objects.create_user("boris", None, None, role="guest")
anna.groups.add(Group.objects.order_by("pk").first() or Group.objects.create(name="family"))
Avatar.objects.create(user=anna, sha="ab" * 32, data=bytes(range(256)) + b"\x00'\"\\\xff")
links.create_password_link(boris, by=anna)
audit.note("user.created", actor=anna, target="boris", emoji="👋", nested={"list": [1, 2.5, None, True]})
chat = Chat.objects.create(
    user=anna, title="Ёлка & 'кавычки' \\ \"всё\"", updated_at=timezone.now(), options={"temperature": 0.3}
)
parent = None
for number in range(450):
    parent = Message.objects.create(
        chat=chat,
        parent=parent,
        author=anna,
        role="user" if number % 2 == 0 else "assistant",
        content=f"Сообщение {number}: 👩‍👩‍👧‍👦 \u0000-free, \r\n<b>рыжая лисица</b> %s {{x}} \U0001f9ea",
        client_id=uuid.uuid4(),
        numbers={"tokens": number, "seconds": number / 7},
        sources=[{"n": 1, "title": "Ё", "url": "https://example.org/?a=1&b=2"}],
    )
running = Message.objects.create(
    chat=chat, parent=parent, author=anna, role="assistant", status="streaming", live_in=chat
)
Chat.objects.filter(pk=chat.pk).update(leaf=running, created_at=LONG_AGO, deleted_at=None)
Message.objects.filter(pk=1).update(created_at=LONG_AGO, parent=running)  # a circle, which no code makes
file = StoredFile.objects.create(sha256="cd" * 32, bytes=10, width=8, height=8, content_type="image/png")
job = ImageJob.objects.create(user=anna, chat=chat, message=running, width=8, height=8, denoise=1 / 3)
GeneratedImage.objects.create(job=job, file=file, index=0, seed=str(2**64 - 1))
Usage.objects.create(user=anna, kind="gpu", amount=0.1 + 0.2)
