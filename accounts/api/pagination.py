"""How lists of the API come in pages."""

from __future__ import annotations

import functools
from typing import Any

from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """`?page=2&page_size=20` -> `{"count", "next", "previous", "results"}`."""

    page_size_query_param = "page_size"
    max_page_size = 200
    parameters = [
        OpenApiParameter("page", int, description="1 is the first page."),
        OpenApiParameter("page_size", int, description="At most 200 a page."),
    ]


@functools.cache
def paged(entry: type[serializers.BaseSerializer[Any]]) -> Any:
    """Return the shape of a page of such entries, for the schema of a view that pages by itself."""
    return inline_serializer(
        f"Paged{entry.__name__.removesuffix('Serializer')}List",
        {
            "count": serializers.IntegerField(),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": entry(many=True),
        },
    )
