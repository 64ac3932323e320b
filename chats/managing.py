"""What people do with whole chats: name, pin, archive, delete and bring back, keep a draft, have read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from accounts.errors import AppError, Code
from chats import options, parts, stopping
from chats.models import TITLE_LENGTH, Chat, Message, Preferences
from live.events import tell_user

LONGEST_DRAFT = 200_000  # characters, as a message


def begin_chat(user: Any, *, title: str = "", model_name: str = "", system_prompt: str = "") -> Chat:
    """Return a new, empty chat; a title given with it is the person's own. Raises AppError too_large."""
    title = " ".join(title.split())
    return Chat.objects.create(
        user=user,
        title=title,
        titled_by=Chat.TitledBy.PERSON if title else Chat.TitledBy.WORDS,
        model_name=model_name,
        system_prompt=options.read_system(system_prompt),
        updated_at=timezone.now(),
    )


def rename_chat(chat: Chat, *, title: str) -> None:
    """Give the chat a title of the person's own; an empty one changes nothing."""
    title = " ".join(title.split())[:TITLE_LENGTH]
    if title:
        chat.title, chat.titled_by = title, Chat.TitledBy.PERSON
        chat.save(update_fields=["title", "titled_by"])
        tell_user(chat.user_id, "title", chat=chat.pk, title=title)


def pin_chat(chat: Chat, *, pinned: bool) -> None:
    """Keep the chat at the top of the list, or no more."""
    chat.pinned_at = timezone.now() if pinned else None
    chat.save(update_fields=["pinned_at"])
    tell_user(chat.user_id, "chats")


def archive_chats(user: Any, chat_ids: Sequence[int], *, archived: bool) -> int:
    """Take chats out of the list, or put them back; returns how many. They can still be found and read."""
    now = timezone.now() if archived else None
    count = Chat.objects.visible_to(user).filter(pk__in=chat_ids).update(archived_at=now)
    tell_user(user.pk, "chats")
    return count


def delete_chats(user: Any, chat_ids: Sequence[int]) -> int:
    """Take chats out of sight for 30 days, then for good; returns how many. What runs in them is stopped."""
    mine = Chat.objects.visible_to(user).filter(pk__in=chat_ids)
    for answer in Message.objects.filter(live_in__in=mine).values_list("pk", flat=True):
        stopping.stop(answer)
    parts.stop_parts(Message.objects.filter(chat__in=mine))
    gone = list(mine.values_list("pk", flat=True))
    Chat.objects.filter(pk__in=gone).update(deleted_at=timezone.now())
    for chat_id in gone:
        tell_user(user.pk, "deleted", chat=chat_id)
    tell_user(user.pk, "chats")
    return len(gone)


def restore_chats(user: Any, chat_ids: Sequence[int]) -> int:
    """Bring deleted chats back; returns how many."""
    back = list(Chat.objects.deleted_by(user).filter(pk__in=chat_ids).values_list("pk", flat=True))
    Chat.objects.filter(pk__in=back).update(deleted_at=None)
    for chat_id in back:
        tell_user(user.pk, "restored", chat=chat_id)
    tell_user(user.pk, "chats")
    return len(back)


def save_draft(chat: Chat, *, draft: str) -> None:
    """Keep what the person is about to send, for their other devices. Raises AppError too_large."""
    Chat.objects.filter(pk=chat.pk).update(draft=_read_draft(draft))


def save_new_draft(user: Any, *, draft: str) -> None:
    """Keep what the person is about to begin a chat with. Raises AppError too_large."""
    Preferences.objects.update_or_create(user=user, defaults={"draft": _read_draft(draft)})


def forget_draft(user: Any, chat: Chat | None) -> None:
    """Forget what has been sent in this chat; None: what has become one."""
    kept = Chat.objects.filter(pk=chat.pk) if chat else Preferences.objects.filter(user=user)
    kept.exclude(draft="").update(draft="")


def _read_draft(draft: str) -> str:
    """Return a draft as it is kept: whole, or not at all."""
    if len(draft) > LONGEST_DRAFT:
        raise AppError(code=Code.TOO_LARGE)
    return draft.replace("\x00", "")


def mark_read(chat: Chat) -> None:
    """Note that the person has seen how the chat stands."""
    if Chat.objects.filter(pk=chat.pk, unread=True).update(unread=False):
        tell_user(chat.user_id, "chats")


def tell_ended(message: Message, status: str) -> None:
    """Tell the person's open pages that an answer or a picture has ended, and keep it until it is seen."""
    if message.chat.kind == Chat.Kind.CALL:
        return  # nobody looks at it
    Chat.objects.filter(pk=message.chat_id).update(unread=True)
    tell_user(message.author_id, "ended", chat=message.chat_id, answer=message.pk, status=status)
