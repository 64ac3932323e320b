"""How answers are given: in one chat, and in all of a person's."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError
from accounts.http import AuthenticatedRequest, wants_json
from chats import access, managing, options
from chats.models import Chat, Message, Preferences
from gpu import snapshot
from gpu.choices import CHAT, model_for
from gpu.labels import with_labels

MOST_DELETED = 100  # messages that are shown
WORDS = 160  # characters of each
LEVELS = ("low", "medium", "high")
STEPS = {"temperature": "0.05", "top_p": "0.01"}


@require_http_methods(["GET", "POST"])
@login_required
def chat_settings(request: AuthenticatedRequest, chat_id: int) -> HttpResponse:
    """Show or change how one chat is answered."""
    chat = access.get_chat(request.user, chat_id)
    if request.method == "POST":
        if (title := request.POST.get("title", "")) != chat.title:
            managing.rename_chat(chat, title=title)
        return _save(request, chat, chat)
    return _show(request, chat, chat)


@require_http_methods(["GET", "POST"])
@login_required
def my_settings(request: AuthenticatedRequest) -> HttpResponse:
    """Show or change how all of a person's chats are answered."""
    mine = Preferences.objects.filter(user=request.user).first() or Preferences(user=request.user)
    if request.method == "POST":
        mine.model_name = _installed(request.POST.get("model_name", mine.model_name))
        mine.titles = "titles" in request.POST
        mine.search_auto = "search_auto" in request.POST
        return _save(request, mine, None)
    return _show(request, mine, None)


def _installed(name: str) -> str:
    """Return the name of a model that is there and chats; "" for any other: then the default answers."""
    model = snapshot.read().find(name) if name else None
    return model.name if model and model.chats else ""


def _show(request: AuthenticatedRequest, kept: Chat | Preferences, chat: Chat | None) -> HttpResponse:
    return render(request, "chats/settings.html", _context(kept, chat, kept.system_prompt, kept.options))


def _save(request: AuthenticatedRequest, kept: Chat | Preferences, chat: Chat | None) -> HttpResponse:
    """Keep what was sent; a wrong number loses nothing of the rest."""
    try:
        kept.system_prompt = options.read_system(request.POST.get("system_prompt"))
        kept.options = options.read(request.POST)
    except AppError as error:
        if wants_json(request):
            raise
        sent = request.POST.get("system_prompt", "")
        context = _context(kept, chat, sent, request.POST, error.fields or {})
        return render(request, "chats/settings.html", context, status=400)
    if isinstance(kept, Chat):
        kept.save(update_fields=["system_prompt", "options"])
    else:
        kept.save()
    if wants_json(request):
        return HttpResponse(status=204)
    flashes.success(request, _("Saved. It holds from the next answer on."))
    return redirect(chat or "chats:home")


def _context(
    kept: Chat | Preferences, chat: Chat | None, system: str, values: Any, wrong: Any = None
) -> dict[str, Any]:
    seen = snapshot.read()
    model = seen.find(chat.model_name if chat else model_for(CHAT, seen))
    levels = LEVELS if model and model.thinks_in_levels else ()
    return {
        "chat": chat,
        "kept": kept,
        "models": [] if chat else with_labels(seen.chat_models()),
        "system_prompt": system,
        "think": values.get("think", ""),
        "thinks": chat is None or (model is not None and model.thinks),
        "levels": levels if chat else LEVELS,
        "can_stop_thinking": not levels or chat is None,
        "deleted": _deleted(chat) if chat else [],
        "numbers": [_number(name, values.get(name, ""), (wrong or {}).get(name)) for name in options.BOUNDS],
    }


def _deleted(chat: Chat) -> QuerySet[Message]:
    """Return the newest deleted messages of a chat, each with its first `words`."""
    gone = Message.objects.deleted_in(chat).annotate(words=Substr("content", 1, WORDS))
    return gone.only("chat_id", "kind", "role", "deleted_at")[:MOST_DELETED]


def _number(name: str, value: Any, wrong: Any) -> dict[str, Any]:
    """Return a number's field as the template shows it."""
    bound = options.BOUNDS[name]
    labels = {
        "temperature": _("Temperature: low is sober, high is lively"),
        "top_p": _("Top P: how many of the likely words take part"),
        "top_k": _("Top K: at most so many words take part"),
        "seed": _("Seed: the same one gives the same answer"),
        "num_predict": _("Longest answer, in tokens"),
        "budget": _("Use at most so many tokens of the window"),
    }
    return {
        "name": name,
        "label": labels[name],
        "value": value,
        "low": f"{bound.low:g}",
        "high": f"{bound.high:.0f}",
        "step": STEPS.get(name, "1"),
        "wrong": wrong,
    }
