"""`/v1`: models, chat completions, pictures."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from accounts.api.parsing import read_json
from accounts.errors import AppError, Code
from accounts.models import ApiKey
from chats import calls, uploads
from chats.models import Call, Message
from gpu import snapshot
from gpu.labels import label_of, with_labels
from imaging import ordering, sources, storage
from imaging.models import GeneratedImage, ImageJob
from ollamachat.openai import errors, telling
from ollamachat.openai.errors import CallError, door
from ollamachat.openai.reading import Read, read_call, wrong_model

LOOK_EVERY = 0.1  # seconds between two looks at the row
LONGEST_WAIT = 1800.0  # seconds
BLIND = _("This model sees no pictures. Choose one that does: %(names)s.")
NO_TOOLS = _("This model calls no tools. Choose one that does: %(names)s.")
NOT_THERE = _("Ollama does not answer now. Nothing was lost; try again in a moment.")


@door("GET", ApiKey.Scope.CHAT)
def models(request: HttpRequest) -> HttpResponseBase:
    """List the models that can answer."""
    return JsonResponse(
        {"object": "list", "data": [_model(known) for known in snapshot.read().chat_models()]}
    )


@door("GET", ApiKey.Scope.CHAT)
def one_model(request: HttpRequest, name: str) -> HttpResponseBase:
    """Tell of one model."""
    return JsonResponse(_model(_find_chat_model(snapshot.read(), name)))


def _find_chat_model(seen: snapshot.Snapshot, name: str) -> snapshot.Known:
    found = seen.find(name)
    if found is None or not found.chats:
        raise wrong_model(name)
    return found


def _model(known: snapshot.Known) -> dict[str, Any]:
    label = label_of(known.name, with_labels([known]))
    return {"id": known.name, "object": "model", "created": 0, "owned_by": "ollama", "name": label}


@door("POST", ApiKey.Scope.CHAT)
def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """Answer a conversation, whole or in pieces."""
    read = read_call(_read_body(request), _take_picture)
    answer = calls.place_call(request.user, replace(read.asked, model_name=_find_model(read).name))
    if read.stream:
        return telling.in_pieces(answer, include_usage=read.include_usage)
    _wait(answer, request, lambda: telling.stop(answer.pk))
    call = Call.objects.get(message=answer)
    status, body = telling.whole(answer, call.tool_calls)
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def _read_body(request: HttpRequest) -> Any:
    """Return what was sent, with room for one picture in base64. Raises ParseError, AppError."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + settings.IMAGE_MAX_BYTES_UPLOAD * 4 // 3
    data = request.read(most + 1)
    if len(data) > most:
        raise AppError(code=Code.TOO_LARGE)
    return read_json(data)


def _take_picture(data: bytes) -> bytes:
    return uploads.take_in(data, sources.limits()).data


def _find_model(read: Read) -> snapshot.Known:
    """Return the model of a call. Raises AppError when it is not here, or cannot do what is asked."""
    seen = snapshot.read()
    if seen.state == snapshot.DOWN:
        raise AppError(NOT_THERE, code=Code.UNAVAILABLE)
    model = _find_chat_model(seen, read.asked.model_name)
    able = seen.chat_models()
    if read.has_pictures and not model.sees:
        names = ", ".join(known.name for known in able if known.sees) or "—"
        raise CallError(BLIND % {"names": names}, param="model")
    if read.asked.tools and not model.uses_tools:
        names = ", ".join(known.name for known in able if known.uses_tools) or "—"
        raise CallError(NO_TOOLS % {"names": names}, param="tools")
    return model


def _wait(row: Message | ImageJob, request: HttpRequest, give_up: Any) -> None:
    """Return when the row has ended; whoever hangs up meanwhile wants it no more."""
    left: threading.Event = getattr(request, "left", None) or threading.Event()
    until = time.monotonic() + LONGEST_WAIT
    while _runs(row):
        connection.close()  # the wait is long, and a connection is dear
        if left.wait(LOOK_EVERY) or time.monotonic() > until:
            give_up()
            raise AppError(code=Code.UNAVAILABLE)
        row.refresh_from_db()


def _runs(row: Message | ImageJob) -> bool:
    return row.is_running if isinstance(row, Message) else not row.is_final


@door("POST", ApiKey.Scope.PICTURES)
def image_generations(request: HttpRequest) -> HttpResponseBase:
    """Draw one to four pictures from a description in any language."""
    body = _read_body(request)
    wanted = _picture_wish(body)
    as_url = body.get("response_format") == "url"
    job = ordering.order_picture(request.user, calls.begin_hidden(request.user), **wanted)
    _wait(job, request, lambda: ordering.cancel_job(job))
    images = list(job.images.finished().select_related("file").order_by("index"))
    if not images:
        status, told = errors.of_answer(job.error_code or job.status, job.error or job.get_status_display())
        return JsonResponse(told, status=status)
    data = [_picture(request, image, as_url=as_url) for image in images]
    return JsonResponse({"created": int(time.time()), "data": data})


def _picture_wish(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
        raise CallError(_("“%(name)s” is missing.") % {"name": "prompt"}, param="prompt")
    count = body.get("n") or 1
    if not isinstance(count, int) or not 1 <= count <= 4:
        raise CallError(_("A whole number from 1 to 4."), param="n")
    wanted: dict[str, Any] = {"description": body["prompt"], "variants": count}
    size = body.get("size") or "auto"
    if size == "auto":
        return wanted
    width, _by, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(size) < 12):
        raise CallError(_("Such as 1024x1024, or auto."), param="size")
    return {**wanted, "width": int(width), "height": int(height)}


def _picture(request: HttpRequest, image: GeneratedImage, *, as_url: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"revised_prompt": image.job.prompt}
    if image.file is None:
        return told
    if as_url:
        return {**told, "url": request.build_absolute_uri(image.file.url())}
    return {**told, "b64_json": base64.b64encode(storage.read(image.file)).decode()}


@csrf_exempt
def nothing(_request: HttpRequest, rest: str = "") -> HttpResponseBase:
    """Say that there is nothing, in the shape of this API."""
    return errors.respond(AppError(code=Code.NOT_FOUND))
