"""The JSON API of pictures: order, follow, read, cancel; bring a picture along."""

from __future__ import annotations

import time
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import AppError, Code
from chats import access as chats_access
from chats.api.views import AnyAccept
from imaging import access, ordering, orders
from imaging.api import shapes
from imaging.models import GeneratedImage, ImageJob, SourcePicture
from live import log, sse

PATIENCE = 600.0  # seconds that `wait` lasts at most
LOOK_EVERY = 0.3
PREVIEWS = ("preview",)
"""Events that come only to who asks for them: a preview has some 20 kB."""


class GenerateSerializer(serializers.Serializer[Any]):
    """What is drawn. Without `chat_id` a new chat begins; `reference_image_id` is a message's id."""

    chat_id = serializers.IntegerField(required=False, allow_null=True)
    description = serializers.CharField(max_length=orders.LONGEST_DESCRIPTION, allow_blank=True)
    width = serializers.IntegerField(required=False, allow_null=True)
    height = serializers.IntegerField(required=False, allow_null=True)
    reference_image_id = serializers.IntegerField(required=False, allow_null=True)
    image_id = serializers.IntegerField(required=False, allow_null=True)
    source_id = serializers.IntegerField(required=False, allow_null=True)
    batch_count = serializers.IntegerField(required=False, default=1)
    seed = serializers.CharField(required=False, allow_blank=True, default="")
    denoise = serializers.FloatField(required=False, allow_null=True)
    strength = serializers.CharField(required=False, allow_blank=True, default="")
    prompt_first = serializers.BooleanField(required=False, default=False)
    wait = serializers.BooleanField(required=False, default=False)
    previews = serializers.BooleanField(required=False, default=False)
    client_id = serializers.UUIDField(required=False, allow_null=True)


def order(request: Request) -> tuple[ImageJob, dict[str, Any]]:
    """Order the picture that the request describes. Raises AppError, DRF's ValidationError."""
    given = GenerateSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    told = given.validated_data
    chat = chats_access.get_chat(request.user, told["chat_id"]) if told.get("chat_id") else None
    job = ordering.order_picture(
        request.user,
        chat,
        told["description"],
        width=told.get("width"),
        height=told.get("height"),
        variants=told["batch_count"],
        seed=told["seed"],
        source=_source(request.user, told),
        strength=told["strength"],
        denoise=told.get("denoise"),
        prompt_first=told["prompt_first"],
        client_id=told.get("client_id"),
    )
    return job, told


def _source(user: Any, told: dict[str, Any]) -> SourcePicture | GeneratedImage | None:
    if told.get("source_id"):
        return access.get_source(user, told["source_id"])
    if told.get("reference_image_id"):
        return ordering.source_of_message(user, told["reference_image_id"], told.get("image_id"))
    return None


def _described(user: Any, job_id: int) -> dict[str, Any]:
    return shapes.describe(shapes.with_images(ImageJob.objects.visible_to(user)).get(pk=job_id))


class Generate(APIView):
    """Orders a picture: 202 with the job; with `wait` 200 when it is over."""

    @extend_schema(request=GenerateSerializer, responses={200: dict, 202: dict})
    def post(self, request: Request) -> Response:
        job, told = order(request)
        if told["wait"]:
            _wait(job)
        described = _described(request.user, job.pk)
        return Response(described, status=200 if described["status"] in ImageJob.FINAL else 202)


def _wait(job: ImageJob) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job.refresh_from_db(fields=["status"])
        if job.is_final or job.status == ImageJob.Status.REVIEWING:
            return
        time.sleep(LOOK_EVERY)


class GenerateStream(APIView):
    """Orders a picture and streams what happens to it as Server-Sent Events, until its end."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        request=GenerateSerializer, responses={200: OpenApiResponse(str, description="text/event-stream")}
    )
    def post(self, request: Request) -> Any:
        job, told = order(request)
        opening = {"kind": "job", "id": job.pk, "type": "job", "job_id": job.pk, "message_id": job.message_id}
        without = () if told["previews"] else PREVIEWS
        return sse.respond(
            kind="job", identity=job.pk, after="", user_id=job.user_id, opening=opening, without=without
        )


class Events(APIView):
    """What happens to a picture, from the beginning or after `Last-Event-ID`; previews with `?previews=1`."""

    content_negotiation_class = AnyAccept

    @extend_schema(responses={200: OpenApiResponse(str, description="text/event-stream")})
    def get(self, request: Request, message_id: int) -> Any:
        job = access.get_job_of_message(request.user, message_id)
        after = request.headers.get("Last-Event-ID", "")
        opening = {"kind": "job", "id": job.pk, "type": "job", "status": job.status}
        if job.is_final:
            return sse.respond_over(
                opening, {"kind": "job", "id": job.pk, "type": "end", "status": job.status}
            )
        after = after if log.is_seq(after) else ""
        without = () if request.query_params.get("previews") in ("1", "true") else PREVIEWS
        return sse.respond(
            kind="job", identity=job.pk, after=after, user_id=job.user_id, opening=opening, without=without
        )


class ApproveSerializer(serializers.Serializer[Any]):
    """What a person changes in a picture that was ordered with `prompt_first`."""

    prompt = serializers.CharField(required=False, allow_blank=True, default="")
    steps = serializers.IntegerField(required=False, allow_null=True)
    denoise = serializers.FloatField(required=False, allow_null=True)


class Approve(APIView):
    """Lets a picture be drawn that waits for its person's word."""

    @extend_schema(request=ApproveSerializer, responses={202: dict})
    def post(self, request: Request, message_id: int) -> Response:
        given = ApproveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        told = dict(given.validated_data)
        job = access.get_job_of_message(request.user, message_id)
        ordering.approve_prompt(job, prompt=told.pop("prompt"), chosen=told)
        return Response(_described(request.user, job.pk), status=202)


class AgainSerializer(serializers.Serializer[Any]):
    """With `image_id` that variant is varied; else the same is drawn again, by `prompt` if there is one."""

    image_id = serializers.IntegerField(required=False, allow_null=True)
    prompt = serializers.CharField(required=False, allow_blank=True, default="")
    client_id = serializers.UUIDField(required=False, allow_null=True)


class Again(APIView):
    """Draws the same with new seeds, or variations of one of its variants."""

    @extend_schema(request=AgainSerializer, responses={202: dict})
    def post(self, request: Request, message_id: int) -> Response:
        given = AgainSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        told = given.validated_data
        job, client_id = access.get_job_of_message(request.user, message_id), told.get("client_id")
        if told.get("image_id"):
            new = ordering.vary_image(_variant(request.user, job, told["image_id"]), client_id=client_id)
        else:
            new = ordering.draw_again(job, prompt=told["prompt"].strip(), client_id=client_id)
        return Response(_described(request.user, new.pk), status=202)


class ChooseSerializer(serializers.Serializer[Any]):
    """The variant that is the best one."""

    image_id = serializers.IntegerField()


class Choose(APIView):
    """Makes a variant the picture's best: its cover, and what others start from."""

    @extend_schema(request=ChooseSerializer, responses={200: dict})
    def post(self, request: Request, message_id: int) -> Response:
        given = ChooseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        job = access.get_job_of_message(request.user, message_id)
        ordering.choose_image(_variant(request.user, job, given.validated_data["image_id"]))
        return Response(_described(request.user, job.pk))


def _variant(user: Any, job: ImageJob, image_id: int) -> GeneratedImage:
    """Return one of the job's variants. Raises AppError not_found, also for another picture's."""
    image = access.get_image(user, image_id)
    if image.job_id != job.pk:
        raise AppError(code=Code.NOT_FOUND)
    return image


class Pages(PageNumberPagination):
    """Sixty pictures a page."""

    page_size = 60


class Images(APIView):
    """The caller's pictures, newest first."""

    @extend_schema(operation_id="api_image_list", responses={200: dict})
    def get(self, request: Request) -> Response:
        pages = Pages()
        found = shapes.with_images(ImageJob.objects.visible_to(request.user)).order_by("-pk")
        page: list[ImageJob] | None = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response([shapes.describe(job) for job in page or []])


class OneImage(APIView):
    """One picture with everything that made it; DELETE takes it out of sight for 30 days, then for good."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request, message_id: int) -> Response:
        brought = SourcePicture.objects.visible_to(request.user).filter(message_id=message_id)
        if source := brought.select_related("file", "message").first():
            return Response(shapes.describe_source(source))
        job = access.get_job_of_message(request.user, message_id)
        return Response(_described(request.user, job.pk))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, message_id: int) -> Response:
        ordering.delete_job(access.get_job_of_message(request.user, message_id))
        return Response(status=204)


class Cancel(APIView):
    """Cancels a picture; finished variants are kept."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request, message_id: int) -> Response:
        job = access.get_job_of_message(request.user, message_id)
        ordering.cancel_job(job)
        return Response(_described(request.user, job.pk))
