"""A chat's answers, made in the test's own process by a scripted Ollama."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from chats import generation, sending
from chats.models import Chat, Message
from gpu import snapshot
from gpu.arbiter import line
from tests.chats.conversation import MODEL
from tests.standins.ollama import ScriptedOllama
from tests.standins.ollama_script import Script


@dataclass
class Desk:
    """Ollama, and the grants that wait for a worker."""

    ollama: ScriptedOllama
    grants: list[tuple[int, str]] = field(default_factory=list)

    def opened(self) -> Desk:
        """Take the grants of answers, and have Ollama looked at."""
        line.send_grants_with(
            "message", lambda row, lease: self.grants.append((row, lease)), wanted=lambda rows: set(rows)
        )
        snapshot.refresh()
        return self

    def work(self) -> None:
        """Carry out grants until there are no more."""
        while self.grants:
            generation.generate(*self.grants.pop(0))

    def ask(self, user: User, content: str = "What is up?", *, says: str = "", **more: Any) -> Message:
        """Send a message and return its finished answer; `says` is what the model shall say."""
        if says:
            self.ollama.script(Script(tokens=[says]))
        chat = more.pop("chat", None)
        sent = sending.send_message(chat, author=user, content=content, **({"model_name": MODEL} | more))
        self.work()
        return Message.objects.get(pk=sent.answer.pk)

    def talk(self, user: User, *contents: str) -> Chat:
        """Return a chat in which these were asked and echoed."""
        chat = None
        for content in contents:
            chat = self.ask(user, content, chat=chat).chat
        assert chat is not None
        return Chat.objects.get(pk=chat.pk)

    def asked(self) -> dict[str, Any]:
        """Return the body of the newest request for an answer."""
        return self.ollama.chats[-1].body

    def sent(self) -> list[tuple[str, str]]:
        """Return role and text of each message in the newest request."""
        return [(message["role"], message["content"]) for message in self.asked()["messages"]]
