"""A chat's title in the model's words: only while the card has nothing better to do.

It is written under the lease of the answer that has just ended, by the model that is loaded anyway, and
is hung up as soon as anybody waits: so it never delays an answer, and never loads a model.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.conf import settings

from chats.models import TITLE_LENGTH, Chat, Message, Preferences
from chats.pulse import pulse
from chats.structured import Json, ask_for_json
from chats.threads import read_thread
from gpu import arbiter, choices, snapshot
from gpu.models import settings_for
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ask, Numbers, Ollama
from gpu.services.wire import HungUpError
from live.events import tell_user
from live.redis import RedisError

logger = logging.getLogger(__name__)

LONGEST = 12.0  # seconds; a title is not worth more of the card
LOOK_EVERY = 0.05  # seconds between two looks whether somebody waits
TRIES = 3  # answers of a chat after which its first words stay its title
READ = 1500  # characters of each message that the model is shown
MOST_WORDS = 8
SCHEMA: Json = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
}
INSTRUCTION = (
    "Give this conversation a title: two to six words that say what it is about, in the language that the"
    ' person writes in. No quotation marks, no full stop. Answer with JSON: {"title": "..."}'
)


def give_title(answer: Message, lease: arbiter.Held, *, url: str, model: snapshot.Known) -> bool:
    """Name the chat after its first answers, when nobody waits; returns whether it was named."""
    thread = _worth_a_title(answer)
    if not thread or somebody_waits():
        return False
    with Watch(lease) as watch:
        try:
            told = ask_for_json(
                url,
                model=_writer(url, model),
                messages=_messages(thread),
                schema=SCHEMA,
                check=check_title,
                defaults={"title": ""},
                timeout=LONGEST,
                complete=lambda ask, _timeout: watch.complete(url, ask),
            )
        except HungUpError:
            return False
    return bool(told.data["title"]) and _keep(answer.chat, told.data["title"])


def _worth_a_title(answer: Message) -> list[Message]:
    """Return the conversation's beginning, [] when it has its title or shall keep its first words."""
    if not settings.CHAT_TITLES or snapshot.read().is_engine:
        return []  # a toy's titles are worse than the first words
    chat = Chat.objects.get(pk=answer.chat_id)
    mine = Preferences.objects.filter(user_id=chat.user_id).first()
    if chat.titled_by != Chat.TitledBy.WORDS or (mine and not mine.titles):
        return []
    thread = [message for message in read_thread(chat) if message.kind == Message.Kind.ANSWER]
    answers = sum(message.is_answer for message in thread)
    return thread[:4] if 0 < answers <= TRIES else []


def _writer(url: str, answered: snapshot.Known) -> snapshot.Known:
    """Return the model that admins chose for titles if it is in memory as it is called, else the answer's."""
    seen = snapshot.read()
    chosen = seen.find(choices.model_for(choices.TITLE, seen))
    if chosen is None or chosen.name == answered.name:
        return answered
    window = settings_for(chosen.name).window(chosen.context_length)
    resident = {(model.name, model.num_ctx) for model in Ollama(url).loaded()}
    return chosen if (chosen.name, window) in resident else answered


def _messages(thread: list[Message]) -> list[Json]:
    talk = "\n\n".join(f"{message.role}: {message.content[:READ]}" for message in thread)
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": f"The conversation:\n\n{talk}\n\n{INSTRUCTION}"},
    ]


def check_title(data: Json) -> Json:
    """Return the title as it is kept. Raises ValueError for what is none."""
    title = " ".join(str(data["title"]).split()).strip(" \"'«»“”„.*#`")
    if not title or len(title) > TITLE_LENGTH or len(title.split()) > MOST_WORDS:
        raise ValueError(title)
    return {"title": title[0].upper() + title[1:]}


def _keep(chat: Chat, title: str) -> bool:
    """Keep the title, unless the person has named the chat meanwhile."""
    mine = Chat.objects.filter(pk=chat.pk, titled_by=Chat.TitledBy.WORDS)
    if not mine.update(title=title, titled_by=Chat.TitledBy.MODEL):
        return False
    tell_user(chat.user_id, "title", chat=chat.pk, title=title)
    return True


def somebody_waits() -> bool:
    """Whether anything at all wants the card; also when nobody can tell."""
    try:
        card = arbiter.read()
    except RedisError:
        return True
    return bool(card.tickets or card.switch or card.borrow or card.paused or card.draining)


class Watch:
    """Hangs up when somebody waits, when the card is lost, or when it has taken too long."""

    def __init__(self, lease: arbiter.Held) -> None:
        self._lease = lease
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._hang_up: Callable[[], None] = lambda: None
        self._ended = False

    def __enter__(self) -> Watch:
        threading.Thread(target=self._wait, name="title", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _wait(self) -> None:
        for _look in range(int(LONGEST / LOOK_EVERY)):
            if self._over.wait(LOOK_EVERY):
                return
            if self._lease.lost or pulse().draining or somebody_waits():
                break
        with self._lock:
            self._ended = True
            self._hang_up()

    def complete(self, url: str, ask: Ask) -> tuple[str, Numbers]:
        """Return a whole answer. Raises HungUpError, ServiceError."""
        stream = Ollama(url).answer(ask)
        with self._lock:
            self._hang_up = stream.hang_up
            if self._ended:
                stream.hang_up()
        text, numbers = "", Numbers()
        for piece in stream:
            text += piece.text
            numbers = piece.numbers or numbers
        return text, numbers


def try_title(answer: Message, lease: arbiter.Held, *, url: str, model: snapshot.Known) -> None:
    """Name the chat if that can be done in passing; whatever goes wrong, the first words stay."""
    try:
        give_title(answer, lease, url=url, model=model)
    except (ServiceError, RedisError) as error:
        logger.info("chat %s keeps its first words as its title: %s", answer.chat_id, error)
