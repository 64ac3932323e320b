from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory
from django.utils import translation

from accounts.context import page

REQUEST = RequestFactory().get("/")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_page_knows_its_language(language: str) -> None:
    with translation.override(language):
        assert page(REQUEST)["language"] == language


@pytest.mark.parametrize(("policy", "is_open"), [("open", True), ("closed", False)])
def test_a_page_knows_whether_people_may_sign_up(settings: LazySettings, policy: str, is_open: bool) -> None:
    settings.SIGNUP_POLICY = policy
    assert page(REQUEST)["signup_open"] is is_open


@pytest.mark.parametrize("secure", [True, False])
def test_a_page_knows_whether_the_outside_sees_https(settings: LazySettings, secure: bool) -> None:
    settings.SECURE = secure
    assert page(REQUEST)["public_https"] is secure


@pytest.mark.django_db
def test_every_page_gets_it(client: Client) -> None:
    context = client.get("/accounts/login/").context
    assert (context["language"], context["signup_open"], context["public_https"]) == ("en", True, False)
