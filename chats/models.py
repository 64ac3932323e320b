"""Chats and their messages. The message's row is the truth; the broker and the log are hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chats import sentences

if TYPE_CHECKING:
    from chats.attachments import Picture
    from chats.threads import Branch

TITLE_LENGTH = 120


class ChatQuerySet(models.QuerySet["Chat"]):
    """Chats as people see them."""

    def visible_to(self, user: Any) -> ChatQuerySet:
        """Return the chats that `user` may see; an anonymous person sees none."""
        mine = self.filter(user_id=user.pk, deleted_at=None, kind=Chat.Kind.CHAT)
        return mine if user.pk else self.none()

    def deleted_by(self, user: Any) -> ChatQuerySet:
        """Return the chats that `user` has deleted and can still bring back."""
        return self.filter(user_id=user.pk).exclude(deleted_at=None) if user.pk else self.none()

    def in_list(self) -> ChatQuerySet:
        """Return those that the list shows: not the archived ones."""
        return self.filter(archived_at=None)

    def recent(self) -> ChatQuerySet:
        """Return the newest first, with whether an answer is running (`running`)."""
        running = models.Exists(Message.objects.filter(live_in=models.OuterRef("pk")))
        return self.annotate(running=running).order_by("-updated_at", "-pk")


class Preferences(models.Model):
    """A person's own ways of chatting; a chat's own settings go before them."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chat_preferences")
    model_name = models.CharField(_("usual model"), max_length=190, blank=True, default="")
    system_prompt = models.TextField(_("instructions"), blank=True)
    # As chats.options reads them: temperature, top_p, top_k, seed, num_predict, budget, think.
    options = models.JSONField(default=dict)
    titles = models.BooleanField(_("titles by the model"), default=True)
    search_auto = models.BooleanField(_("the model decides whether to search"), default=False)
    draft = models.TextField(blank=True, default="")  # of a chat that has not begun

    class Meta:
        verbose_name = _("chat preferences")
        verbose_name_plural = _("chat preferences")

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"


class Chat(models.Model):
    """A conversation; its messages form a tree and `leaf` is where it stands."""

    class Kind(models.TextChoices):
        CHAT = "chat", _("chat")
        CALL = "api", _("call of the API")  # hidden: no list, search or export has it, and it goes in a day

    class TitledBy(models.TextChoices):
        WORDS = "words", _("the first words")
        MODEL = "model", _("a model")
        PERSON = "person", _("the person")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chats")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.CHAT)
    title = models.CharField(_("title"), max_length=TITLE_LENGTH, blank=True)
    model_name = models.CharField(_("model"), max_length=190, blank=True)
    leaf = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="+")
    titled_by = models.CharField(max_length=8, choices=TitledBy, default=TitledBy.WORDS)
    system_prompt = models.TextField(_("instructions"), blank=True)
    options = models.JSONField(default=dict)  # as in Preferences; what is not here is the person's
    draft = models.TextField(blank=True)
    unread = models.BooleanField(default=False)  # an answer ended while nobody looked
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()
    pinned_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ChatQuerySet.as_manager()

    class Meta:
        verbose_name = _("chat")
        verbose_name_plural = _("chats")
        indexes = [
            models.Index(fields=["user", "deleted_at", "-updated_at"], name="chat_of_user"),
            models.Index(fields=["kind", "updated_at"], name="chat_of_a_call"),
        ]

    def __str__(self) -> str:
        return self.title or str(_("New chat"))

    def get_absolute_url(self) -> str:
        return reverse("chats:chat", args=[self.pk])


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages as people and sweeps see them."""

    def visible_to(self, user: Any) -> MessageQuerySet:
        """Return the messages of chats that `user` may see."""
        if not user.pk:
            return self.none()
        return self.filter(
            chat__user_id=user.pk, chat__deleted_at=None, chat__kind=Chat.Kind.CHAT, deleted_at=None
        )

    def deleted_in(self, chat: Chat) -> MessageQuerySet:
        """Return a chat's messages that can still be brought back, the last deleted first."""
        return self.filter(chat=chat).exclude(deleted_at=None).order_by("-deleted_at", "-pk")

    def held_by(self, claim: str) -> MessageQuerySet:
        """Return the answers that the worker's `claim` still holds."""
        return self.filter(claim=claim)


class Message(models.Model):
    """A person's message or a model's answer; an answer's `status` is its state."""

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")

    class Kind(models.TextChoices):
        ANSWER = "answer", _("answer")
        PICTURE = "picture", _("picture")
        SUMMARY = "summary", _("summary")  # of all that stands above it in the thread

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        WAITING = "waiting", _("waiting")
        STREAMING = "streaming", _("streaming")
        COMPLETE = "complete", _("complete")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", _("interrupted")

    WORDS = (Kind.ANSWER, Kind.SUMMARY)  # what is made of words alone, and can be edited
    UNCLAIMED = (Status.QUEUED, Status.WAITING)
    RUNNING = (*UNCLAIMED, Status.STREAMING)
    UNFINISHED = (Status.STOPPED, Status.FAILED, Status.INTERRUPTED)

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ANSWER)
    status = models.CharField(max_length=16, choices=Status, default=Status.COMPLETE)
    content = models.TextField(blank=True)
    thinking = models.TextField(blank=True)
    html = models.TextField(blank=True, editable=False)
    model_name = models.CharField(max_length=190, blank=True)
    client_id = models.UUIDField(null=True)
    live_in = models.OneToOneField(Chat, models.SET_NULL, null=True, related_name="running_message")
    claim = models.CharField(max_length=32, null=True)
    sent_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_about = models.JSONField(default=dict)
    numbers = models.JSONField(default=dict)
    # Web search: what was wished and done, and the numbered sources, [{n, title, url, text}].
    search = models.JSONField(default=dict)
    sources = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    # Set by chats.threads, chats.attachments and chats.pages on what is shown; no columns.
    model_label: str = ""
    branch: Branch | None = None
    pictures: Sequence[Picture] = ()

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [models.UniqueConstraint(fields=["author", "client_id"], name="sent_once")]
        indexes = [models.Index(fields=["status", "heartbeat_at"], name="message_liveness")]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"

    @property
    def is_running(self) -> bool:
        return self.status in self.RUNNING

    @property
    def version(self) -> str:
        """Return what changes whenever the message looks different on a page."""
        place = f"{self.branch.position}.{self.branch.count}.{self.branch.asked:d}" if self.branch else ""
        edited = int(self.edited_at.timestamp() * 1000) if self.edited_at else ""
        return f"{self.status}-{edited}-{place}"

    @property
    def is_answer(self) -> bool:
        return self.role == self.Role.ASSISTANT

    @property
    def stands_for_the_older(self) -> bool:
        """Whether a model is shown this summary in place of all that stands above it."""
        return self.kind == self.Kind.SUMMARY and self.status == self.Status.COMPLETE and bool(self.content)

    @property
    def as_it_stood(self) -> dict[str, Any]:
        """Return the columns of a summary that was to be written anew and was not, {} for any other message.

        Until the new words are whole, the row has the old ones.
        """
        if self.kind != self.Kind.SUMMARY or not self.content:
            return {}
        return {
            "status": self.Status.COMPLETE,
            "content": self.content,
            "thinking": self.thinking,
            "error_code": "",
            "error_about": {},
            "numbers": {**self.numbers, "kept": True},
        }

    @property
    def can_continue(self) -> bool:
        """Whether the model can go on where this answer ends."""
        if self.kind != self.Kind.ANSWER:
            return False
        cut = self.status in self.UNFINISHED or self.numbers.get("done_reason") == "length"
        return self.is_answer and cut and bool(self.content)

    @property
    def can_ask_again(self) -> bool:
        """Whether there may be another one: a summary in this one's place, an answer to the same question."""
        asked = self.branch is None or self.branch.asked
        return self.kind == self.Kind.SUMMARY or (self.kind == self.Kind.ANSWER and self.is_answer and asked)

    @property
    def can_try_again(self) -> bool:
        return self.status in self.UNFINISHED and self.can_ask_again

    @property
    def error(self) -> str:
        """Return what happened, whether the work is safe and what to do; "" when all is well."""
        return sentences.explain(self.status, self.error_code, self.error_about)

    @property
    def notices(self) -> list[str]:
        """Return what the person should know about a finished answer."""
        return sentences.search_notice(self.search) + sentences.notices(self.numbers)

    @property
    def shown_sources(self) -> list[dict[str, Any]]:
        """Return the sources that may be links, each with its `host`."""
        return sentences.shown_sources(self.sources)

    @property
    def thought_line(self) -> str:
        """Return what stands above the thoughts."""
        return sentences.thought_line(self.numbers)

    @property
    def numbers_lines(self) -> list[tuple[str, str]]:
        """Return the answer's own numbers, with their labels."""
        return sentences.number_lines(self.numbers)


class Call(models.Model):
    """What a program asked over the API that many know: sent to the model as it stands.

    `messages`, `tools` and `format` are as Ollama takes them; `options` are its sampling options.
    """

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="call")
    messages = models.JSONField()
    tools = models.JSONField(default=list)
    format = models.JSONField(null=True)
    options = models.JSONField(default=dict)
    num_predict = models.PositiveIntegerField(null=True)
    think = models.CharField(max_length=8, blank=True)
    tool_calls = models.JSONField(default=list)  # what the model wants called, as it said it

    def __str__(self) -> str:
        return f"call {self.message_id}"
