"""A chat to be read by people, as it stands: Markdown, and one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from chats import luggage
from chats.exporting.document import pack_inside, read_messages
from chats.luggage import Packing
from chats.models import Chat, ChatQuerySet, Message
from chats.rendering import render_message
from chats.threads import read_tree
from gpu.labels import read_labels

STYLES = ("tokens", "prose", "code", "export")
BREAK = "<!-- messages -->"


def pack_away(data: bytes, content_type: str) -> dict[str, str]:
    """Return nothing: the picture is named, and left out."""
    return {}


def write_markdown(chat: Chat, packing: Packing = pack_away, *, folder: str = "") -> Iterator[str]:
    """Yield the chat as Markdown; pictures that `packing` has put into a file are shown from `folder`."""
    yield f"# {_one_line(str(chat))}\n"
    if chat.system_prompt:
        yield f"\n> {_quoted(chat.system_prompt)}\n"
    labels = read_labels()
    for message, pictures in _shown(chat, packing):
        yield f"\n## {_who(message, labels)} · {_when(message)}\n\n"
        if message.thinking:
            yield f"<details><summary>{_('Thoughts')}</summary>\n\n"
            yield f"{_escaped(message.thinking)}\n\n</details>\n\n"
        yield from (f"{_picture(picture, folder)}\n\n" for picture in pictures)
        if not (pictures and message.kind == Message.Kind.PICTURE and not message.is_answer):
            yield f"{message.content}\n"
        yield from _sources(message)


def write_html(chat: Chat) -> Iterator[str]:
    """Yield the chat as one HTML file, its pictures and its style inside, without scripts."""
    before, after = _frame(str(chat))
    yield before
    yield from _articles(chat)
    yield after


def write_book(chats: ChatQuerySet) -> Iterator[str]:
    """Yield many chats as one such file, which begins with their titles."""
    before, after = _frame(_("All my chats"), chats=chats.only("title"))
    yield before
    for number, chat in enumerate(chats.iterator(chunk_size=100), 1):
        yield render_to_string("chats/_exported_title.html", {"chat": chat, "number": number})
        yield from _articles(chat)
    yield after


def _frame(title: str, *, chats: Iterable[Chat] = ()) -> list[str]:
    """Return what stands before and after the messages."""
    style = mark_safe(_style())  # noqa: S308 - our own files
    context = {"title": title, "chats": chats, "style": style, "now": timezone.now()}
    return render_to_string("chats/export.html", context).split(BREAK)


def _articles(chat: Chat) -> Iterator[str]:
    labels = read_labels()
    for message, pictures in _shown(chat, pack_inside):
        message.html = render_message(message)
        who = _who(message, labels)
        told = {"message": message, "pictures": pictures, "who": who, "when": _when(message)}
        yield render_to_string("chats/_exported.html", told)


def _shown(chat: Chat, packing: Packing) -> Iterator[tuple[Message, list[dict[str, Any]]]]:
    for messages in read_messages(chat, read_tree(chat).way(chat.leaf_id)):
        parts = luggage.pack(messages, packing)
        for message in messages:
            mine = parts.get(message.pk, {}).values()
            yield message, [picture for part in mine for picture in part["pictures"]]


def _style() -> str:
    found = (finders.find(f"css/{name}.css") for name in STYLES)
    return "\n".join(Path(path).read_text(encoding="utf-8") for path in found if path)


def _who(message: Message, labels: Mapping[str, str]) -> str:
    if message.kind == Message.Kind.SUMMARY:
        return _("Summary of what stands above")
    if not message.is_answer:
        return _("You")
    return labels.get(message.model_name, message.model_name) or _("Model")


def _when(message: Message) -> str:
    return date_format(timezone.localtime(message.created_at), "DATETIME_FORMAT")


def _picture(picture: dict[str, Any], folder: str) -> str:
    name = _one_line(picture["name"]).replace("[", "(").replace("]", ")")
    return f"![{name}]({folder}{picture['file']})" if "file" in picture else f"*{_('Picture')}: {name}*"


def _sources(message: Message) -> Iterator[str]:
    if message.sources:
        yield "\n"
    for source in message.sources:
        title = _one_line(str(source.get("title", ""))).replace("[", "(").replace("]", ")")
        url = str(source.get("url", ""))
        yield (
            f"{source.get('n')}. [{title}](<{url}>)\n"
            if url.startswith("http")
            else f"{source.get('n')}. {title}\n"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return text.strip().replace("\n", "\n> ")


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;")
