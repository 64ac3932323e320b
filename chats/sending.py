"""What people do in a chat: send, try again, continue, stop, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import limits, rights
from accounts.errors import AppError, Code
from accounts.models import Verb
from chats import attachments, seeing, stopping
from chats.choosing import usual_model
from chats.models import Chat, Message
from gpu import arbiter, snapshot
from live import log
from live.events import tell_user
from live.redis import RedisError

LONGEST_MESSAGE = 200_000  # characters
TITLE_WORDS = 60
DRAINING_RETRY = 30  # seconds


@dataclass(frozen=True)
class Sent:
    """A message and the answer that it asked for."""

    chat: Chat
    message: Message
    answer: Message


@dataclass(frozen=True)
class Wish:
    """How a message is to be answered: by which model, after which search, looking at which pictures.

    `think` holds for the chat from now on; "" leaves it as it is.
    """

    model_name: str = ""
    search: str = ""  # "", "on" or "auto"
    pictures: Sequence[int] = field(default_factory=tuple)
    think: str = ""


class BusyError(AppError):
    """An answer is running in this chat already."""

    def __init__(self) -> None:
        super().__init__(
            _("An answer is still being written in this chat. Wait for it, or stop it."), code=Code.BUSY
        )


def send_message(
    chat: Chat | None,
    *,
    author: Any,
    content: str,
    client_id: UUID | None = None,
    model_name: str = "",
    search: str = "",
    pictures: Sequence[int] = (),
    think: str = "",
) -> Sent:
    """Store a message and ask for its answer; without a chat a new one begins.

    The same `client_id` again returns what the first call made. Raises AppError (invalid, busy).
    """
    content = checked(content, beside=pictures)
    if client_id and (before := sent_before(author, client_id)):
        return before
    admit(author, search=search)
    if pictures:
        refuse_blind(chat, model_name, author)
    wish = Wish(model_name, search, tuple(pictures), think)
    try:
        return _store(chat, author=author, content=content, wish=wish, client_id=client_id)
    except IntegrityError:
        if client_id and (before := sent_before(author, client_id)):
            return before
        raise BusyError from None


def refuse_blind(chat: Chat | None, model_name: str, author: Any) -> None:
    """Raise AppError invalid when the model that would answer can't see pictures."""
    seen = snapshot.read()
    chosen = model_name or (chat.model_name if chat else "") or usual_model(author, seen)
    seeing.refuse_blind(seen, chosen)


def checked(content: str, *, beside: Sequence[int] = ()) -> str:
    """Return what a person wrote, as it is kept; with pictures beside it, it may be nothing.

    Raises AppError (invalid, too_large).
    """
    content = content.replace("\r\n", "\n").replace("\x00", "").strip()
    if not content and not beside:
        raise AppError(
            _("Write something first."), code=Code.INVALID, fields={"content": [_("It is empty.")]}
        )
    if len(content) > LONGEST_MESSAGE:
        sentence = _("This is too long: %(n)d characters, at most %(most)d.")
        raise AppError(sentence % {"n": len(content), "most": LONGEST_MESSAGE}, code=Code.TOO_LARGE)
    return content


def admit(author: Any, *, search: str = "") -> None:
    """Raise AppError unless the person may have an answer now: forbidden, limit, draining."""
    rights.check(author, Verb.CHAT)
    if search == "on":
        rights.check(author, Verb.SEARCH_WEB)
    limits.check(author, limits.GPU)
    if arbiter.is_draining():
        raise AppError(code=Code.DRAINING, retry_after=DRAINING_RETRY)


def sent_before(author: Any, client_id: UUID) -> Sent | None:
    """Return what an earlier call with this `client_id` made."""
    message = Message.objects.select_related("chat").filter(author=author, client_id=client_id).first()
    if message is None:
        return None
    answer = message.children.order_by("pk").first()
    return Sent(message.chat, message, answer) if answer else None


@transaction.atomic
def _store(chat: Chat | None, *, author: Any, content: str, wish: Wish, client_id: UUID | None) -> Sent:
    now = timezone.now()
    if chat is None:
        title = title_from(content) or gettext("Picture")
        chat = Chat.objects.create(user=author, title=title, updated_at=now)
    message = Message.objects.create(
        chat=chat,
        parent_id=chat.leaf_id,
        author=author,
        role=Message.Role.USER,
        content=content,
        client_id=client_id,
        finished_at=now,
    )
    attachments.attach_pictures(message, wish.pictures, user=author)
    return Sent(chat, message, ask(chat, message, author=author, wish=wish))


def ask(chat: Chat, message: Message, *, author: Any, wish: Wish) -> Message:
    """Make the queued answer under `message` and put its ticket in line on commit."""
    now = timezone.now()
    model_name = wish.model_name or chat.model_name or usual_model(author, snapshot.read())
    answer = Message.objects.create(
        chat=chat,
        parent=message,
        author=author,
        role=Message.Role.ASSISTANT,
        status=Message.Status.QUEUED,
        model_name=model_name,
        live_in=chat,
        search=_search_wish(wish),
        sent_at=now,
    )
    chat.leaf, chat.model_name, chat.updated_at = answer, model_name, now
    chat.title = chat.title or title_from(message.content)
    chat.draft, chat.unread = "", False
    if wish.think:
        chat.options = {**chat.options, "think": wish.think}
        Chat.objects.filter(pk=chat.pk).update(options=chat.options)
    chat.save(update_fields=["leaf", "model_name", "updated_at", "title", "draft", "unread"])
    queue(answer)
    return answer


def _search_wish(wish: Wish) -> dict[str, str]:
    """Return the wish for a search, and whose clock says what day it is."""
    return {"mode": wish.search, "zone": timezone.get_current_timezone_name()} if wish.search else {}


def queue(answer: Message) -> None:
    """Tell open pages of a queued answer, and put its ticket in line on commit."""
    tell_user(answer.author_id, "answer", chat=answer.chat_id, message=answer.parent_id, answer=answer.pk)
    ticket = arbiter.Ticket("message", answer.pk, answer.author_id, about=answer.model_name)
    transaction.on_commit(lambda: arbiter.enqueue(ticket))


def try_again(answer: Message, *, model_name: str = "") -> Sent:
    """Ask for another answer beside this one. Raises AppError (invalid, busy, stale)."""
    if answer.kind == Message.Kind.PICTURE:
        raise AppError(_("A picture is no answer. Use “Draw again” below it."), code=Code.INVALID)
    admit(answer.chat.user)
    chat, message = answer.chat, answer.parent
    if message is None or message.deleted_at or message.is_answer:
        raise AppError(
            _("The question to this answer is deleted. Bring it back, or ask anew."), code=Code.STALE
        )
    try:
        with transaction.atomic():
            wish = Wish(model_name or answer.model_name, answer.search.get("mode", ""))
            return Sent(chat, message, ask(chat, message, author=chat.user, wish=wish))
    except IntegrityError:
        raise BusyError from None


def continue_answer(answer: Message) -> Message:
    """Have the model go on where the answer ends. Raises AppError (busy, stale)."""
    if not answer.can_continue:
        raise AppError(_("This answer has nothing to continue."), code=Code.STALE)
    admit(answer.chat.user)
    requeue(answer)
    return answer


def requeue(answer: Message, **changes: Any) -> None:
    """Put an ended answer in line again, with these columns changed. Raises AppError (busy, unavailable)."""
    _forget_log(answer)
    final = {"status": Message.Status.QUEUED, "live_in": answer.chat_id, "claim": None, "error_code": "",
             "html": "", "sent_at": timezone.now(), **changes}  # fmt: skip
    try:
        with transaction.atomic():
            if Message.objects.filter(pk=answer.pk, status=answer.status).update(**final):
                Chat.objects.filter(pk=answer.chat_id).update(updated_at=timezone.now())
                queue(answer)
    except IntegrityError:
        raise BusyError from None
    answer.refresh_from_db()


def _forget_log(answer: Message) -> None:
    """Drop the ended log, so that who joins does not meet its old end."""
    try:
        log.forget("message", answer.pk)
    except RedisError:
        raise AppError(
            _("The app's short-term memory is restarting. Nothing is lost; try again in a moment."),
            code=Code.UNAVAILABLE,
        ) from None


def stop_answer(answer: Message) -> None:
    """Stop an answer; what was written is kept. One that has ended is left as it is."""
    stopping.stop(answer.pk)


def title_from(content: str) -> str:
    """Return the beginning of a message as a title, cut at a word."""
    line = " ".join(content.split())
    if len(line) <= TITLE_WORDS:
        return line
    return line[:TITLE_WORDS].rsplit(" ", 1)[0].rstrip(".,;:") + "…"
