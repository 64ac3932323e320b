"""The JSON API of pictures: list, read, follow, choose, cancel, delete."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pagination import Pages, paged
from accounts.api.parsing import read_body
from accounts.errors import AppError, Code
from chats.api.views import EVENTS
from imaging import access, ordering
from imaging.api import shapes
from imaging.api.ordering import PREVIEWS, variant
from imaging.api.serializers import ChooseSerializer, JobSerializer
from imaging.models import ImageJob, SourcePicture
from live import log, sse

STATES = {"running": [*ImageJob.THINKING, ImageJob.Status.REVIEWING, *ImageJob.DRAWING]}
STATES["ended"] = [*ImageJob.FINAL]
STATUS = OpenApiParameter("status", str, enum=[*STATES], description="All without it.")


class ManyPages(Pages):
    """Sixty pictures a page."""

    page_size = 60


def _page(view: APIView, request: Request, jobs: Any, pages: Pages) -> Response:
    found = shapes.with_images(jobs).order_by("-pk")
    page: list[ImageJob] = pages.paginate_queryset(found, request, view=view) or []
    return pages.get_paginated_response([shapes.describe(job) for job in page])


class Images(APIView):
    """The caller's pictures."""

    @extend_schema(
        operation_id="api_image_list",
        summary="My pictures",
        tags=["pictures"],
        parameters=Pages.parameters,
        responses=paged(JobSerializer),
    )
    def get(self, request: Request) -> Response:
        """List the caller's pictures, newest first."""
        return _page(self, request, ImageJob.objects.visible_to(request.user), ManyPages())


class Jobs(APIView):
    """The caller's orders of pictures."""

    @extend_schema(
        operation_id="api_jobs_list",
        summary="My jobs",
        tags=["jobs"],
        parameters=[STATUS, *Pages.parameters],
        responses=paged(JobSerializer),
    )
    def get(self, request: Request) -> Response:
        """List the caller's orders of pictures, newest first: those that run, have ended, or all."""
        jobs, wanted = ImageJob.objects.visible_to(request.user), request.query_params.get("status", "")
        if wanted and wanted not in STATES:
            raise AppError(code=Code.INVALID, fields={"status": [", ".join(STATES)]})
        return _page(self, request, jobs.filter(status__in=STATES[wanted]) if wanted else jobs, Pages())


class OneJob(APIView):
    """One order of a picture."""

    @extend_schema(summary="A job", tags=["jobs"], responses=JobSerializer)
    def get(self, request: Request, job_id: int) -> Response:
        """Read a job by its own id; `/api/image/{message_id}` tells the same by its message's."""
        return Response(shapes.described(request.user, access.get_job(request.user, job_id).pk))


class OneImage(APIView):
    """One picture."""

    @extend_schema(summary="A picture", tags=["pictures"], responses=JobSerializer)
    def get(self, request: Request, message_id: int) -> Response:
        """Read a picture with everything that made it."""
        brought = SourcePicture.objects.visible_to(request.user).filter(message_id=message_id)
        if source := brought.select_related("file", "message").first():
            return Response(shapes.describe_source(source))
        job = access.get_job_of_message(request.user, message_id)
        return Response(shapes.described(request.user, job.pk))

    @extend_schema(summary="Delete a picture", tags=["pictures"], responses={204: None})
    def delete(self, request: Request, message_id: int) -> Response:
        """Take a picture out of sight for 30 days, then for good."""
        ordering.delete_job(access.get_job_of_message(request.user, message_id))
        return Response(status=204)


class Events(APIView):
    """What happens to a picture."""

    @extend_schema(
        summary="Follow a picture",
        tags=["pictures"],
        parameters=[OpenApiParameter("previews", OpenApiTypes.BOOL)],
        responses=EVENTS,
    )
    def get(self, request: Request, message_id: int) -> Any:
        """Follow a picture as Server-Sent Events, from the beginning or after `Last-Event-ID`."""
        job = access.get_job_of_message(request.user, message_id)
        after = request.headers.get("Last-Event-ID", "")
        opening = {"kind": "job", "id": job.pk, "type": "job", "status": job.status}
        if job.is_final:
            return sse.respond_over(opening, shapes.end(job))
        after = after if log.is_seq(after) else ""
        without = () if request.query_params.get("previews") in ("1", "true") else PREVIEWS
        return sse.respond(
            kind="job", identity=job.pk, after=after, user_id=job.user_id, opening=opening, without=without
        )


class Choose(APIView):
    """The best variant of a picture."""

    @extend_schema(
        summary="Choose the best variant",
        tags=["pictures"],
        request=ChooseSerializer,
        responses={200: JobSerializer},
    )
    def post(self, request: Request, message_id: int) -> Response:
        """Make a variant the picture's best: its cover, and what others start from."""
        job = access.get_job_of_message(request.user, message_id)
        told = read_body(ChooseSerializer, request)
        ordering.choose_image(variant(request.user, job, told["image_id"]))
        return Response(shapes.described(request.user, job.pk))


class Cancel(APIView):
    """The end of a job."""

    @extend_schema(
        summary="Cancel a picture", tags=["pictures"], request=None, responses={200: JobSerializer}
    )
    def post(self, request: Request, message_id: int) -> Response:
        """Cancel a picture; finished variants are kept."""
        job = access.get_job_of_message(request.user, message_id)
        ordering.cancel_job(job)
        return Response(shapes.described(request.user, job.pk))
