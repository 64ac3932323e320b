"""What an answer is asked of whom: the model, the instructions, and the turns that it may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chats import attachments, context, options
from chats.models import Chat, Message, Preferences
from chats.threads import read_thread
from gpu import snapshot
from gpu.models import LanguageModel, settings_for
from gpu.services import errors

SUMMARY = "A summary of the conversation so far, which stands for its older part:\n"


@dataclass(frozen=True)
class Plan:
    """Everything that a call needs, read before it, so that no database is held during it.

    `system` are the instructions and what was summed up of the conversation, `found` is what the web
    says to the question; both are always sent.
    """

    url: str
    row: LanguageModel
    model: snapshot.Known
    turns: list[context.Turn]
    continues: bool = False
    system: str = ""
    found: str = ""
    options: options.Options = field(default_factory=options.Options)
    format: dict[str, Any] | str | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)

    @property
    def window(self) -> int:
        return self.row.window(self.model.context_length)

    @property
    def budget(self) -> int:
        """Return the tokens that the prompt may take."""
        return context.prompt_budget(self.window, self.options.num_predict, self.options.budget)

    @property
    def think(self) -> bool | str:
        """Return `think` as the model takes it."""
        return options.think_value(
            self.options.think, thinks=self.model.thinks, has_levels=self.model.thinks_in_levels
        )

    def fit(self, budget: int) -> context.Fitted:
        """Return what is sent of the turns. Raises ContextFullError."""
        try:
            return context.fit(
                self.turns,
                budget=budget,
                bytes_per_token=self.row.bytes_per_token,
                keep=min(2 if self.continues else 1, len(self.turns)),
                system="\n\n".join(part for part in (self.system, self.found) if part),
            )
        except context.TooLongError:
            raise errors.ContextFullError from None


def make_plan(message: Message) -> Plan:
    """Return what to ask whom for an answer. Raises ServiceError."""
    seen = snapshot.look_now()
    if seen.state == snapshot.DOWN:
        raise errors.ServiceDownError(url=seen.url)
    if not seen.chat_models():
        raise errors.NoModelError
    thread = read_thread(message.chat, upto=message)
    continues = message.kind == Message.Kind.ANSWER and bool(message.content)
    return plan_for(message.chat, thread, seen=seen, name=message.model_name, continues=continues)


def plan_for(
    chat: Chat, thread: Sequence[Message], *, seen: snapshot.Snapshot, name: str, continues: bool = False
) -> Plan:
    """Return the plan for the next answer to this thread."""
    model = seen.find(name) or snapshot.Known(name, 0)
    wished = options_of(chat)
    summed, rest = after_summary(thread)
    attachments.show_pictures(rest)
    turns = [read_turn(past, sees=model.sees) for past in rest if past.content or past.pictures]
    system = "\n\n".join(part for part in (wished.system, SUMMARY + summed if summed else "") if part)
    row = settings_for(model.name)
    return Plan(seen.url, row, model, turns, continues, system=system, options=wished)


def options_of(chat: Chat) -> options.Options:
    """Return how the chat is to be answered: its own ways before the person's."""
    mine = Preferences.objects.filter(user_id=chat.user_id).first() or Preferences()
    return options.merge((mine.system_prompt, mine.options), (chat.system_prompt, chat.options))


def after_summary(thread: Sequence[Message]) -> tuple[str, list[Message]]:
    """Return the last summary's words, "" without one, and the messages below it."""
    for at in range(len(thread) - 1, -1, -1):
        if thread[at].stands_for_the_older:
            rest = thread[at + 1 :]
            return thread[at].content, [past for past in rest if past.kind != Message.Kind.SUMMARY]
    return "", [past for past in thread if past.kind != Message.Kind.SUMMARY]


def read_turn(past: Message, *, sees: bool) -> context.Turn:
    """Return a message as a model sees it; to one that can't see, its pictures are a word."""
    count = len(past.pictures)
    if sees or not count:
        return context.Turn(past.role, past.content, count, past.pk)
    named = past.kind == Message.Kind.PICTURE  # its text says already that it is one
    words = past.content if named else context.in_words(past.content, count)
    return context.Turn(past.role, words, message_id=past.pk, unseen=count)
