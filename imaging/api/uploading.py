"""Bringing a picture along: for scripts, and for the composer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import AppError, Code
from accounts.http import AuthenticatedRequest
from imaging import sources
from imaging.models import SourcePicture


class UploadSerializer(serializers.Serializer[Any]):
    """A picture to be changed; the field may also be called `image`."""

    file = serializers.FileField()


class Upload(APIView):
    """Keeps a picture to be changed; its `source_id` goes into an order."""

    parser_classes = [MultiPartParser, FormParser]

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={201: dict})
    def post(self, request: Request) -> Response:
        return Response(sources.describe(_kept(request.user, request.FILES)), status=201)


@require_POST
@login_required
def upload(request: AuthenticatedRequest) -> HttpResponse:
    """Keep a picture that somebody put into the composer."""
    return JsonResponse(sources.describe(_kept(request.user, request.FILES)), status=201)


def _kept(user: Any, files: Any) -> SourcePicture:
    sent = files.get("file") or files.get("image")
    if sent is None:
        raise AppError(_("Send a picture in the field “file”."), code=Code.INVALID)
    # One byte past the limit is enough to see that it is too large, whatever else was sent.
    return sources.add_source(user, sent.read(settings.IMAGE_MAX_BYTES_UPLOAD + 1), sent.name or "")
