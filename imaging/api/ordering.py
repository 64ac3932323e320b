"""The JSON API of orders: draw, draw with what happens as it happens, again, approve."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import client_id_of, idempotent
from accounts.api.parsing import read_body
from accounts.errors import AppError, Code
from chats import access as chats_access
from chats.api.views import EVENTS
from imaging import access, ordering
from imaging.api import shapes
from imaging.api.serializers import AgainSerializer, ApproveSerializer, GenerateSerializer, JobSerializer
from imaging.models import GeneratedImage, ImageJob, SourcePicture
from live import sse

PATIENCE = 600.0  # seconds that `wait` lasts at most
LOOK_EVERY = 0.3
PREVIEWS = ("preview",)
"""Events that come only to who asks for them: a preview has some 20 kB."""
EXAMPLES = [
    OpenApiExample("Four variants", {"description": "A red fox in the snow", "batch_count": 4}),
    OpenApiExample(
        "From an upload", {"description": "make it winter", "source_id": 7, "strength": "keep", "wait": True}
    ),
]


def order(request: Request) -> tuple[ImageJob, dict[str, Any]]:
    """Order the picture that the request describes. Raises AppError, DRF's ValidationError."""
    told = read_body(GenerateSerializer, request)
    chat = chats_access.get_chat(request.user, told["chat_id"]) if told["chat_id"] else None
    job = ordering.order_picture(
        request.user,
        chat,
        told["description"],
        width=told.get("width"),
        height=told.get("height"),
        variants=1 if told["batch_count"] is None else told["batch_count"],
        seed=told["seed"],
        source=_source(request.user, told),
        strength=told["strength"],
        denoise=told.get("denoise"),
        prompt_first=told["prompt_first"],
        client_id=_client_id(request, told),
    )
    return job, told


def _client_id(request: Request, told: dict[str, Any]) -> UUID | None:
    return told.get("client_id") or client_id_of(request)


def _source(user: Any, told: dict[str, Any]) -> SourcePicture | GeneratedImage | None:
    if told["source_id"]:
        return access.get_source(user, told["source_id"])
    if told["reference_image_id"]:
        return ordering.source_of_message(user, told["reference_image_id"], told["image_id"])
    return None


class Generate(APIView):
    """An order of a picture."""

    @extend_schema(
        summary="Order a picture",
        tags=["pictures"],
        request=GenerateSerializer,
        responses={200: JobSerializer, 202: JobSerializer},
        examples=EXAMPLES,
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Order a picture: 202 with the job; with `wait` 200 when it is over."""
        job, told = order(request)
        if told["wait"]:
            _wait(job)
        described = shapes.described(request.user, job.pk)
        return Response(described, status=200 if described["status"] in ImageJob.FINAL else 202)


def _wait(job: ImageJob) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job.refresh_from_db(fields=["status"])
        if job.is_final or job.status == ImageJob.Status.REVIEWING:
            return
        connection.close()  # the wait is long, and a connection is dear
        time.sleep(LOOK_EVERY)


class GenerateStream(APIView):
    """An order of a picture with what happens to it."""

    @extend_schema(
        summary="Order a picture and follow it",
        tags=["pictures"],
        request=GenerateSerializer,
        responses=EVENTS,
        examples=EXAMPLES[:1],
    )
    @idempotent()
    def post(self, request: Request) -> Any:
        """Order a picture and stream what happens to it as Server-Sent Events, until its end."""
        job, told = order(request)
        opening = {"kind": "job", "id": job.pk, "type": "job", "job_id": job.pk, "message_id": job.message_id}
        if job.is_final:  # ordered before: its log may be gone
            return sse.respond_over(opening, shapes.end(job))
        without = () if told["previews"] else PREVIEWS
        return sse.respond(
            kind="job", identity=job.pk, after="", user_id=job.user_id, opening=opening, without=without
        )


class Approve(APIView):
    """The word for which a picture waits."""

    @extend_schema(
        summary="Have a picture drawn that waits for its person's word",
        tags=["pictures"],
        request=ApproveSerializer,
        responses={202: JobSerializer},
    )
    def post(self, request: Request, message_id: int) -> Response:
        """Let a picture be drawn that was ordered with `prompt_first`."""
        job = access.get_job_of_message(request.user, message_id)
        told = read_body(ApproveSerializer, request)
        ordering.approve_prompt(job, prompt=told.pop("prompt"), chosen=told)
        return Response(shapes.described(request.user, job.pk), status=202)


class Again(APIView):
    """The same picture once more."""

    @extend_schema(
        summary="Draw again, or vary",
        tags=["pictures"],
        request=AgainSerializer,
        responses={202: JobSerializer},
    )
    @idempotent()
    def post(self, request: Request, message_id: int) -> Response:
        """Draw the same with new seeds, or variations of one of its variants."""
        job = access.get_job_of_message(request.user, message_id)
        told = read_body(AgainSerializer, request)
        client_id = _client_id(request, told)
        if told["image_id"]:
            new = ordering.vary_image(variant(request.user, job, told["image_id"]), client_id=client_id)
        else:
            new = ordering.draw_again(job, prompt=told["prompt"].strip(), client_id=client_id)
        return Response(shapes.described(request.user, new.pk), status=202)


def variant(user: Any, job: ImageJob, image_id: int) -> GeneratedImage:
    """Return one of the job's variants. Raises AppError not_found, also for another picture's."""
    image = access.get_image(user, image_id)
    if image.job_id != job.pk:
        raise AppError(code=Code.NOT_FOUND)
    return image
