from __future__ import annotations

from typing import Any

import pytest
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.api.pagination import Pages
from accounts.models import User


@pytest.fixture
def crowd(db: None) -> None:
    User.objects.bulk_create([User(username=f"person{number:03}") for number in range(230)])


def read(query: str) -> dict[str, Any]:
    """Return one page of everybody."""
    pages = Pages()
    request = Request(APIRequestFactory().get(f"/api/people{query}"))
    rows = pages.paginate_queryset(User.objects.order_by("username"), request)
    data: dict[str, Any] = pages.get_paginated_response([user.username for user in rows or []]).data
    return data


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("query", "length", "first"),
    [
        ("", 50, "person000"),
        ("?page=2", 50, "person050"),
        ("?page=5", 30, "person200"),
        ("?page_size=20&page=2", 20, "person020"),
        ("?page_size=100000", 200, "person000"),
        ("?page_size=0", 50, "person000"),
        ("?page_size=x", 50, "person000"),
    ],
)
def test_a_list_comes_in_pages(query: str, length: int, first: str) -> None:
    page = read(query)
    assert set(page) == {"count", "next", "previous", "results"}
    assert (page["count"], len(page["results"]), page["results"][0]) == (230, length, first)


@pytest.mark.usefixtures("crowd")
def test_pages_lead_to_each_other() -> None:
    page = read("?page=2&page_size=100")
    assert page["next"].endswith("/api/people?page=3&page_size=100")
    assert page["previous"].endswith("/api/people?page_size=100")


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("number", ["0", "99", "-1", "x"])
def test_there_are_no_other_pages(number: str) -> None:
    with pytest.raises(NotFound):
        read(f"?page={number}")
