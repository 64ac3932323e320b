"""What people may do with the card: borrow it, give it back; and what admins may do besides."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts import audit, rights
from accounts.errors import AppError, Code, Sentence
from accounts.models import Verb
from gpu.arbiter import COMFYUI, OLLAMA, transact
from gpu.arbiter.state import FREED, NOBODY
from live.redis import RedisError

SHORTEST, LONGEST = 1, 12 * 60  # minutes
BORROWED_FOR = {"none": NOBODY, COMFYUI: COMFYUI}
SERVICES = (OLLAMA, COMFYUI)


def _ask(op: str, **arguments: Any) -> Any:
    try:
        return transact(op, **arguments).answer
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None


def require_admin(user: Any) -> None:
    """Raise AppError unless the person is an admin."""
    if not user.is_admin:
        raise AppError(_("Only an admin can do this."), code=Code.FORBIDDEN)


def borrow_card(user: Any, *, minutes: Any, service: str = "none") -> None:
    """Take the card for so many minutes: for nothing of ours (a game), or for ComfyUI's own page.

    What runs ends first; chats and pictures wait. Raises AppError.
    """
    rights.check(user, Verb.BORROW_CARD)
    if service not in BORROWED_FOR:
        raise AppError(_("The card is borrowed for nothing of ours, or for ComfyUI."), code=Code.INVALID)
    ms = _minutes(minutes) * 60_000
    if not _ask("borrow", user_id=user.pk, service=BORROWED_FOR[service], ms=ms):
        raise AppError(_("Somebody else has borrowed the card."), code=Code.CONFLICT)
    audit.note("card.borrowed", actor=user, target=service, minutes=ms // 60_000)


def _minutes(given: Any) -> int:
    try:
        minutes = int(given)
    except (TypeError, ValueError):
        minutes = 0
    if not SHORTEST <= minutes <= LONGEST:
        sentence = _("Choose between %(low)d and %(high)d minutes.") % {"low": SHORTEST, "high": LONGEST}
        raise AppError(sentence, code=Code.INVALID, fields={"minutes": [sentence]})
    return minutes


def give_back(user: Any) -> None:
    """End the borrowing: one's own, or as an admin anybody's. Raises AppError."""
    if _ask("give_back", user_id=None if user.is_admin else user.pk) == "not_yours":
        raise AppError(_("Somebody else has borrowed the card."), code=Code.FORBIDDEN)
    audit.note("card.given_back", actor=user)


def switch_to(user: Any, *, service: str, force: bool = False) -> str:
    """Have a service resident next; answers "there" or "asked". Raises AppError (busy with the reason)."""
    require_admin(user)
    if service not in SERVICES:
        sentence = _("Choose ollama or comfyui.")
        raise AppError(sentence, code=Code.INVALID, fields={"service": [sentence]})
    busy = _("The other service is computing. Wait for it, or force the switch: what runs is then cut off.")
    answer = _wish(service, force=force, busy=busy)
    audit.note("card.switched", actor=user, target=service, force=force)
    return answer


def _wish(service: str, *, force: bool, busy: Sentence) -> str:
    answer = str(_ask("wish", service=service, force=force))
    if answer == "borrowed":
        raise AppError(_("The card is borrowed. It has to be given back first."), code=Code.CONFLICT)
    if answer == "busy":
        raise AppError(busy, code=Code.CONFLICT)
    return answer


def free_card(user: Any, *, force: bool = False) -> None:
    """Have both services give their memory back. Raises AppError."""
    require_admin(user)
    _wish(FREED, force=force, busy=_("The card is computing. Wait for it, or force it."))
    audit.note("card.freed", actor=user, force=force)


def pause_line(user: Any, *, on: bool) -> None:
    """Stop or resume granting; what runs goes on. Raises AppError."""
    require_admin(user)
    _ask("pause", on=on)
    audit.note("line.paused" if on else "line.resumed", actor=user)


def drain_line(user: Any, *, on: bool) -> None:
    """Refuse new work before a restart, and serve what waits. Raises AppError."""
    require_admin(user)
    _ask("drain", on=on)
    audit.note("line.drained" if on else "line.opened", actor=user)


def try_again(user: Any, *, service: str) -> None:
    """Forget that a service could not be made ready, and try now. Raises AppError."""
    require_admin(user)
    _ask("retry", service=service)
    audit.note("card.tried_again", actor=user, target=service)
