"""What people do to messages that are there: edit, ask anew, choose a branch, delete, bring back, fork."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import AppError, Code
from chats import attachments, parts, sending, stopping
from chats.models import TITLE_LENGTH, Chat, Message
from chats.threads import read_thread, read_tree
from live.events import tell_user

COPIED = ("author_id", "role", "kind", "status", "content", "thinking", "model_name", "search", "sources",
          "numbers", "error_code", "error_about", "created_at", "started_at", "finished_at",
          "edited_at")  # fmt: skip


def edit_message(message: Message, *, content: str) -> Message:
    """Change a message's words where it stands. Raises AppError (invalid, too_large, busy)."""
    if message.kind not in Message.WORDS:
        raise AppError(_("A picture has no words to edit."), code=Code.INVALID)
    content = sending.checked(content)
    changed = Message.objects.filter(pk=message.pk, live_in=None).update(
        content=content, html="", edited_at=timezone.now()
    )
    if not changed:
        raise sending.BusyError
    message.refresh_from_db()
    _tell(message.chat)
    return message


def resend_message(
    message: Message, *, content: str, model_name: str = "", client_id: UUID | None = None
) -> sending.Sent:
    """Send a person's message again in other words: a branch beside it, which keeps its pictures.

    The same `client_id` again returns what the first call made. Raises AppError (invalid, busy).
    """
    if message.is_answer:
        raise AppError(_("Only a message of your own can be sent again."), code=Code.INVALID)
    if is_wish_for_picture(message):
        raise AppError(
            _("This message asked for a picture. Use “Draw again” below it, or ask for a new one."),
            code=Code.INVALID,
        )
    content = sending.checked(content)
    if client_id and (before := sending.sent_before(message.author, client_id)):
        return before
    sending.admit(message.author)
    last = message.children.filter(role=Message.Role.ASSISTANT).order_by("pk").last()
    wish = sending.Wish(model_name, last.search.get("mode", "") if last else "")
    try:
        return _resend(message, content=content, wish=wish, client_id=client_id)
    except IntegrityError:
        raise sending.BusyError from None


def is_wish_for_picture(message: Message) -> bool:
    """Whether a picture was drawn after this message's words."""
    return message.children.filter(kind=Message.Kind.PICTURE).exists()


@transaction.atomic
def _resend(message: Message, *, content: str, wish: sending.Wish, client_id: UUID | None) -> sending.Sent:
    beside = Message.objects.create(
        chat=message.chat,
        parent_id=message.parent_id,
        author=message.author,
        role=message.role,
        content=content,
        client_id=client_id,
        finished_at=timezone.now(),
    )
    attachments.copy_pictures(message, beside)
    answer = sending.ask(message.chat, beside, author=message.author, wish=wish)
    _tell(message.chat)
    return sending.Sent(message.chat, beside, answer)


def choose_branch(message: Message) -> Chat:
    """Have the chat stand where the branch of this message ends."""
    chat = message.chat
    chat.leaf_id = read_tree(chat).newest_leaf(message.pk)
    chat.save(update_fields=["leaf"])
    _tell(chat)
    return chat


def stand_with(message: Message) -> Chat:
    """Return the message's chat, standing on a branch that holds it: who acts there goes on there."""
    chat = message.chat
    on_it = message.pk in read_tree(chat).way(chat.leaf_id)
    return chat if on_it else choose_branch(message)


def stand_as_seen(chat: Chat, message_id: int | None) -> Chat:
    """Return the chat on the branch that its person sees, as a message there tells, if there is one."""
    seen = chat.messages.filter(pk=message_id, deleted_at=None).first() if message_id else None
    return stand_with(seen) if seen else chat


def delete_message(message: Message) -> None:
    """Take a message out of the thread, which closes over the gap; what still runs there is stopped.

    So is an answer to it: without its question a model would answer something else, or nothing.
    """
    answers = Q(parent=message, kind=Message.Kind.ANSWER)
    running = Message.objects.filter(Q(pk=message.pk) | answers, status__in=Message.RUNNING)
    for answer in running.values_list("pk", flat=True):
        stopping.stop(answer)
    parts.stop_parts(Message.objects.filter(pk=message.pk))
    Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now())
    chat = message.chat
    if not read_tree(chat).way(chat.leaf_id):
        _stand_somewhere(chat)
    _tell(chat)


def restore_message(message: Message) -> None:
    """Bring a deleted message back to its place."""
    Message.objects.filter(pk=message.pk).update(deleted_at=None)
    _tell(message.chat)


def _stand_somewhere(chat: Chat) -> None:
    """All of this branch is gone: show another one, if there is any."""
    tree = read_tree(chat)
    if roots := tree.children(None):
        chat.leaf_id = tree.newest_leaf(roots[-1])
        chat.save(update_fields=["leaf"])


@transaction.atomic
def fork_chat(message: Message) -> Chat:
    """Return a new chat that begins as this one did, up to and with the message."""
    old = message.chat
    title = gettext("%(title)s (copy)") % {"title": old.title[: TITLE_LENGTH - 20]}
    chat = Chat.objects.create(
        user=old.user,
        title=title,
        titled_by=Chat.TitledBy.PERSON,
        model_name=old.model_name,
        system_prompt=old.system_prompt,
        options=old.options,
        updated_at=timezone.now(),
    )
    above: Message | None = None
    for original in read_thread(old, upto=message):
        above = _copy(original, chat, above)
    chat.leaf = above
    chat.save(update_fields=["leaf"])
    tell_user(chat.user_id, "chats")
    return chat


def _copy(original: Message, chat: Chat, parent: Message | None) -> Message:
    """Return a message's copy in another chat; what is still being written is copied as far as it is."""
    copy = Message(chat=chat, parent=parent, **{name: getattr(original, name) for name in COPIED})
    if original.is_running:
        copy.status = Message.Status.STOPPED
    copy.save(force_insert=True)
    Message.objects.filter(pk=copy.pk).update(created_at=original.created_at)
    attachments.copy_pictures(original, copy)
    parts.copy_part(original, copy)
    return copy


def _tell(chat: Chat) -> None:
    """Open pages of this chat read the thread anew."""
    tell_user(chat.user_id, "thread", chat=chat.pk)
