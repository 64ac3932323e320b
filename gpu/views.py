"""The model picker, and the admin's download button."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import KombuError

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from gpu import pulls, snapshot, tasks
from live.redis import RedisError


@require_GET
@login_required
def models(request: AuthenticatedRequest) -> HttpResponse:
    """Return the picker's list as it is now."""
    seen = snapshot.read()
    chosen = request.GET.get("model") or seen.default_model()
    return render(request, "gpu/_picker.html", {"models": seen.chat_models(), "model_name": chosen})


@require_POST
@login_required
def pull(request: AuthenticatedRequest) -> HttpResponse:
    """Start a download; its progress is followed on the socket."""
    if not request.user.is_admin:
        raise AppError(_("Only an admin can download models."), code=Code.FORBIDDEN)
    name = pulls.check_name(request.POST.get("model", "").strip())
    try:
        tasks.pull.delay(name)
    except (KombuError, RedisError) as error:
        raise AppError(code=Code.UNAVAILABLE) from error
    return HttpResponse(status=204)
