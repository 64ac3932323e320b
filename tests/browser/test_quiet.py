"""No page makes the browser complain: no script error, nothing that the content policy forbids."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visiting
from tests.processes import Person

pytestmark = [pytest.mark.browser, pytest.mark.processes]
OUTSIDE = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/setup/wrong/",
    "/link/wrong/",
]
INSIDE = ["/", "/chats/999999/", "/nothing/here/", "/accounts/logout/", "/docs", "/redoc"]
ADMIN = ["/admin/", "/admin/accounts/user/", "/admin/gpu/languagemodel/add/", "/admin/chats/chat/"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_page_at_the_door_is_quiet(visiting: Visiting, path: str) -> None:
    for phone in (False, True):
        visit = visiting(phone=phone)
        visit.expect_trouble("status of 4(04|10)")
        visit.open(path)
        assert not visit.scrolls_sideways()


@pytest.mark.parametrize("path", INSIDE)
def test_a_page_inside_is_quiet(visiting: Visiting, alice: Person, path: str) -> None:
    visit = visiting(alice)
    visit.expect_trouble("status of 404")
    visit.expect_trouble(
        "cdn.redoc.ly"
    )  # Redoc's own mark in its corner, which the policy keeps from calling home
    visit.open(path)
    visit.page.wait_for_timeout(500)


@pytest.mark.parametrize("path", ADMIN)
def test_an_admin_page_is_quiet(visiting: Visiting, admin: Person, path: str) -> None:
    visit = visiting(admin)
    visit.open(path)
    visit.page.wait_for_timeout(300)
