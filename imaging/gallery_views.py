"""The gallery's pages: all of a person's pictures, one of them, what is in the bin."""

from __future__ import annotations

import tempfile
import zipfile
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest, wants_json
from chats import pages
from imaging import access, gallery, metadata, ordering, storage
from imaging.api import shapes
from imaging.models import GeneratedImage, ImageJob

MOST_AT_ONCE = 200  # pictures that are deleted or downloaded together
IN_MEMORY = 32 * 2**20  # bytes of a zip; a larger one is written to the disk


@require_GET
@login_required
def pictures(request: AuthenticatedRequest) -> HttpResponse:
    """Show the gallery; a script that scrolls gets the next tiles alone."""
    wanted = gallery.Wanted.of(request.GET)
    context: dict[str, Any] = {
        "wanted": wanted,
        "page": gallery.read_page(request.user, wanted),
        "query": _query(request),
    }
    if wanted.before is not None and wants_json(request):
        return render(request, "imaging/_tiles.html", context)
    context |= pages.page(request.user)
    context |= {"models": gallery.models_of(request.user), "usage": gallery.usage(request.user)}
    return render(request, "imaging/gallery.html", context)


@require_GET
@login_required
def bin_(request: AuthenticatedRequest) -> HttpResponse:
    """Show what was deleted in the last 30 days."""
    context = {"images": gallery.read_bin(request.user), "usage": gallery.usage(request.user)}
    return render(request, "imaging/bin.html", pages.page(request.user) | context)


@require_GET
@login_required
def one(request: AuthenticatedRequest, image_id: int) -> HttpResponse:
    """Show one variant large, with everything that made it."""
    image = access.get_image(request.user, image_id)
    if image.file is None:
        raise AppError(_("This picture is not finished yet."), code=Code.NOT_FOUND)
    shown = gallery.with_variants(ImageJob.objects.filter(pk=image.job_id)).get().shown  # type: ignore[attr-defined]
    context = {"image": image, "job": image.job, "shown": shown, "best": shapes.best_of(shown)}
    context["made"] = gallery.how_it_was_made(image)
    template = "imaging/_viewed.html" if wants_json(request) else "imaging/one.html"
    return render(request, template, context)


@require_GET
@login_required
def source(request: AuthenticatedRequest, source_id: int) -> HttpResponse:
    """Show a picture large that the person brought along."""
    context = {"source": access.get_shown_source(request.user, source_id)}
    template = "imaging/_source.html" if wants_json(request) else "imaging/source.html"
    return render(request, template, context)


@require_POST
@login_required
def choose(request: AuthenticatedRequest, image_id: int) -> HttpResponse:
    """Make a variant the picture's best."""
    image = access.get_image(request.user, image_id)
    ordering.choose_image(image)
    return HttpResponse(status=204) if wants_json(request) else redirect("imaging:one", image.pk)


@require_POST
@login_required
def delete_variant(request: AuthenticatedRequest, image_id: int) -> HttpResponse:
    """Put a variant into the bin; the last one takes its whole picture along."""
    image = access.get_image(request.user, image_id)
    ordering.delete_image(image)
    return _deleted(request, [image.pk])


@require_POST
@login_required
def delete(request: AuthenticatedRequest) -> HttpResponse:
    """Put whole pictures into the bin."""
    jobs = list(ImageJob.objects.visible_to(request.user).filter(pk__in=_chosen(request, "job")))
    kept = GeneratedImage.objects.visible_to(request.user).filter(job__in=jobs)
    images = list(kept.values_list("pk", flat=True))
    with transaction.atomic():
        for job in jobs:
            ordering.delete_job(job)
    return _deleted(request, images)


@require_POST
@login_required
def restore(request: AuthenticatedRequest) -> HttpResponse:
    """Bring variants back from the bin, and their pictures with them."""
    chosen = _chosen(request, "image")
    mine = GeneratedImage.objects.filter(pk__in=chosen, job__user=request.user, job__chat__deleted_at=None)
    images = list(mine.select_related("job"))
    for image in images:
        ordering.restore_image(image)
    if wants_json(request):
        return JsonResponse({"restored": len(images)})
    return redirect("imaging:gallery")


@require_safe
@login_required
def download(request: AuthenticatedRequest, image_id: int) -> HttpResponseBase:
    """Answer a variant as a file; with `plain` without the words and settings that made it."""
    image = access.get_image(request.user, image_id)
    response = HttpResponse(_as_file(image, plain="plain" in request.GET), content_type="image/png")
    response["Content-Disposition"] = f'attachment; filename="{_name(image)}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@login_required
def download_many(request: AuthenticatedRequest) -> HttpResponseBase:
    """Answer all variants of the chosen pictures as one zip."""
    kept = GeneratedImage.objects.visible_to(request.user).finished()
    images = kept.filter(job__in=_chosen(request, "job")).select_related("file")
    packed = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # PNG is packed already
        for image in images:
            archive.writestr(_name(image), _as_file(image, plain="plain" in request.POST))
    packed.seek(0)
    return FileResponse(packed, as_attachment=True, filename="pictures.zip", content_type="application/zip")


def _as_file(image: GeneratedImage, *, plain: bool) -> bytes:
    if image.file is None:
        raise AppError(_("This picture is not finished yet."), code=Code.NOT_FOUND)
    try:
        data = storage.read(image.file)
    except FileNotFoundError:
        raise AppError(code=Code.GONE) from None
    return metadata.without(data) if plain else data


def _name(image: GeneratedImage) -> str:
    return f"picture-{image.job_id}-{image.index + 1}.png"


def _chosen(request: AuthenticatedRequest, name: str) -> list[int]:
    chosen = [int(value) for value in request.POST.getlist(name) if value.isdecimal() and len(value) < 19]
    if not chosen:
        raise AppError(_("Nothing is chosen."), code=Code.INVALID)
    if len(chosen) > MOST_AT_ONCE:
        sentence = _("At most %(most)d pictures can be chosen at once.") % {"most": MOST_AT_ONCE}
        raise AppError(sentence, code=Code.TOO_LARGE)
    return chosen


def _deleted(request: AuthenticatedRequest, images: list[int]) -> HttpResponse:
    if not wants_json(request):
        return redirect("imaging:bin")
    count = len(images)
    sentence = ngettext("%(n)d picture is in the bin.", "%(n)d pictures are in the bin.", count)
    return JsonResponse({"images": images, "sentence": sentence % {"n": count}})


def _query(request: AuthenticatedRequest) -> str:
    """Return the query string without its place in the pages, for the link to the next one."""
    asked = request.GET.copy()
    asked.pop("before", None)
    return asked.urlencode()
