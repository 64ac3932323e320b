"""What admins do with the models. Services are asked by tasks; here it is only said what shall be done."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from kombu.exceptions import KombuError

from accounts import audit
from accounts.errors import AppError, Code
from gpu import arbiter, choices, pulls, snapshot, tasks, warming
from gpu.actions import require_admin
from gpu.model_forms import ModelForm
from gpu.models import LanguageModel, ModelChoice
from gpu.snapshot import Known
from live.redis import RedisError

AT_ONCE = 2  # downloads: they share the line to the internet, and the threads of `upkeep`


def pull(user: Any, name: str) -> str:
    """Have a model downloaded; returns its name as Ollama takes it. Raises AppError."""
    if not user.is_admin:
        raise AppError(_("Only an admin can download models."), code=Code.FORBIDDEN)
    name = pulls.check_name(name.strip())
    try:
        running = [known.name for known in pulls.read_all() if known.runs]
        if name in running:
            return name
        if len(running) >= AT_ONCE:
            raise AppError(_("Two downloads are running. Wait for one, or cancel it."), code=Code.BUSY)
        _begin_pull(name)
    except (KombuError, RedisError):
        raise AppError(code=Code.UNAVAILABLE) from None
    audit.note("model.pulled", actor=user, target=name)
    return name


def _begin_pull(name: str) -> None:
    pulls.note(name)
    try:
        tasks.pull.delay(name)
    except KombuError:
        pulls.forget(name)
        raise
    pulls.tell_pages()


def cancel_pull(user: Any, name: str) -> None:
    """End a download, or take note of a failed one. Raises AppError."""
    require_admin(user)
    try:
        pulls.cancel(pulls.check_name(name))
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None
    audit.note("model.pull_cancelled", actor=user, target=name)


def delete(user: Any, name: str) -> None:
    """Have a model removed from the disk. Raises AppError."""
    require_admin(user)
    model = _idle(name)
    _send(tasks.delete, model.name, user.pk)
    audit.note("model.deleted", actor=user, target=model.name)


def unload(user: Any, name: str) -> None:
    """Have a model give its memory back. Raises AppError."""
    require_admin(user)
    model = _idle(name)
    _send(tasks.unload, model.name, user.pk)
    audit.note("model.unloaded", actor=user, target=model.name)


def warm(user: Any, name: str) -> None:
    """Have a model loaded, if the card is Ollama's and has nothing else to do. Raises AppError."""
    require_admin(user)
    model = find(name)
    if not model.chats:
        raise AppError(_("This model is loaded when it is needed."), code=Code.INVALID)
    if not warming.is_idle():
        raise AppError(
            _("The card has something else to do right now. The model is loaded when somebody asks it."),
            code=Code.CONFLICT,
        )
    warming.ask(model.name)
    audit.note("model.warmed", actor=user, target=model.name)


def configure(user: Any, name: str, data: Any) -> LanguageModel:
    """Keep a model's friendly name, window and how long it stays loaded. Raises AppError."""
    require_admin(user)
    model = find(name)
    row = LanguageModel.objects.filter(name=model.name).first() or LanguageModel(name=model.name)
    form = ModelForm(data, instance=row, trained=model.context_length)
    if not form.is_valid():
        fields = {field: [str(line) for line in lines] for field, lines in form.errors.items()}
        raise AppError(next(iter(fields.values()))[0], code=Code.INVALID, fields=fields)
    form.save()
    audit.note("model.configured", actor=user, target=model.name, fields=form.changed_data)
    pulls.tell_pages()
    return row


def choose(user: Any, purpose: str, name: str) -> None:
    """Make a model the default for a purpose; "" leaves it to the rules. Raises AppError."""
    require_admin(user)
    if purpose not in choices.Purpose.values:
        raise AppError(_("Models are chosen for chat, vision, title or prompt."), code=Code.INVALID)
    if choices.operators(purpose):
        raise AppError(_("The operator has set this model in the environment."), code=Code.CONFLICT)
    if not name:
        ModelChoice.objects.filter(purpose=purpose).delete()
    elif name != choices.chosen(purpose):
        _keep_choice(purpose, find(name))
    audit.note("model.chosen", actor=user, target=name, purpose=purpose)
    pulls.tell_pages()


def _keep_choice(purpose: str, model: Known) -> None:
    if not choices.suits(purpose, model):
        raise AppError(_("%(model)s can't do this.") % {"model": model.name}, code=Code.INVALID)
    ModelChoice.objects.update_or_create(purpose=purpose, defaults={"name": model.name})


def find(name: str) -> Known:
    """Return an installed model. Raises AppError."""
    model = snapshot.read().find(name)
    if model is None:
        raise AppError(_("This model is not installed."), code=Code.NOT_FOUND)
    return model


def _idle(name: str) -> Known:
    """Return an installed model that answers nobody right now. Raises AppError."""
    model = find(name)
    try:
        leases = arbiter.read().leases
    except RedisError:
        raise AppError(code=Code.UNAVAILABLE) from None
    if any(lease.service == arbiter.OLLAMA and lease.ticket.about == model.name for lease in leases):
        raise AppError(_("The model is answering somebody. Try again when it has ended."), code=Code.BUSY)
    return model


def _send(task: Any, *arguments: Any) -> None:
    try:
        task.delay(*arguments)
    except (KombuError, RedisError):
        raise AppError(code=Code.UNAVAILABLE) from None
