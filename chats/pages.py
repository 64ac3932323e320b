"""What the conversation page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import limits
from chats import attachments, listing, parts
from chats.choosing import usual_model
from chats.models import Chat, Message, Preferences
from chats.rendering import render_message
from chats.threads import read_messages, read_tree
from gpu import snapshot, warming
from gpu.labels import label_of, read_labels, with_labels
from gpu.suggestions import card_memory_gb, suggest

WINDOW = 80  # messages that a page begins with; earlier ones come as one scrolls

SERVICE_SENTENCES: dict[str, str | Promise] = {
    snapshot.STARTING: _("The app is looking for Ollama."),
    snapshot.DOWN: _("Ollama does not answer at %(url)s. What you send is kept and can be answered later."),
    snapshot.NO_MODELS: _("Ollama is there, but no model is installed yet."),
    snapshot.READY: "",
}


def shown(messages: list[Message]) -> list[Message]:
    """Return the messages with their HTML ready, and their models named as people know them."""
    labels = read_labels()
    for message in messages:
        message.html = render_message(message)
        message.model_label = labels.get(message.model_name, message.model_name)
    attachments.show_pictures(messages)
    parts.attach([message for message in messages if message.role == Message.Role.ASSISTANT])
    return messages


def one(message: Message) -> Message:
    """Return a message as the thread shows it, with its place among its siblings."""
    message.branch = read_tree(message.chat).branch(message.pk)
    return shown([message])[0]


def window(
    chat: Chat, *, start: int | None = None, before: int | None = None, held: int | None = None
) -> dict[str, Any]:
    """Return `thread`, a run of the chat's messages; `earlier` is where the run before it begins, 0: nowhere.

    From `start` on, or the run before `before`; else, and when they are not on this branch, the newest.
    The branch is one that holds the message `held`; `seen` is that one when the chat stands on another.
    """
    tree = read_tree(chat)
    way = tree.way(chat.leaf_id)
    elsewhere = held is not None and held not in way
    if held and elsewhere:
        way = tree.way(tree.newest_leaf(held)) or way
    end = way.index(before) if before in way else len(way)
    first = way.index(start) if start in way else max(0, end - WINDOW)
    return {
        "thread": shown(read_messages(chat, tree, way[first:end])),
        "earlier": way[max(0, first - WINDOW)] if first else 0,
        "seen": held if elsewhere else None,
    }


def told(request: HttpRequest, template: str, chat: Chat, *messages: Message) -> dict[str, Any]:
    """Return what a script gets for new messages: their ids, the chat's address and their HTML."""
    tree = read_tree(chat)
    for message in messages:
        message.branch = tree.branch(message.pk)
    thread = shown(list(messages))
    context = {"chat": chat, "thread": thread, "message": thread[0]}
    answer = thread[-1]
    return {
        "chat": chat.pk,
        "message": answer.parent_id,
        "answer": answer.pk,
        "url": chat.get_absolute_url(),
        "html": render_to_string(template, context, request),
    }


def page(user: Any, chat: Chat | None = None, *, start: int | None = None) -> dict[str, Any]:
    """Return the context of `chats/page.html`; `start` is a message that must be on it."""
    seen = snapshot.read()
    models = with_labels(seen.chat_models())
    chosen = (chat.model_name if chat else "") or usual_model(user, seen)
    warming.ask(chosen)
    return {
        "listed": listing.sidebar(user),
        "chat": chat,
        "draft": chat.draft if chat else _new_draft(user),
        **(window(chat, start=start, held=start) if chat else {"thread": []}),
        "models": models,
        "model_name": chosen,
        "model_label": label_of(chosen, models),
        "tools": parts.tools(user),
        "close_limits": limits.close_ones(user),
        "service": service(seen),
        "suggestions": suggest(card_memory_gb()) if seen.state == snapshot.NO_MODELS else [],
        "engine_notice": seen.is_engine,
    }


def _new_draft(user: Any) -> str:
    """Return what the person is about to begin a chat with."""
    return Preferences.objects.filter(user=user).values_list("draft", flat=True).first() or ""


def service(seen: snapshot.Snapshot) -> dict[str, str]:
    """Return how Ollama is, in words."""
    sentence = str(SERVICE_SENTENCES[seen.state])
    return {
        "state": seen.state,
        "kind": seen.kind or "none",
        "url": seen.url,
        "sentence": sentence % {"url": seen.url} if "%(" in sentence else sentence,
    }
