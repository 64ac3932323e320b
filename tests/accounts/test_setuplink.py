from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db


def printed() -> str:
    """Return what the command prints."""
    out = StringIO()
    call_command("setuplink", stdout=out)
    return out.getvalue()


def test_it_prints_a_path_that_works(client: Client) -> None:
    path = printed()
    assert path.startswith("/setup/")
    assert client.get(path.strip()).status_code == 200


def test_a_link_printed_earlier_still_works(client: Client) -> None:
    path = printed()
    printed()
    assert client.get(path.strip()).status_code == 200


def test_it_prints_nothing_once_there_is_an_admin(admin: User) -> None:
    assert printed() == ""


def test_a_member_is_no_admin(alice: User) -> None:
    assert printed()


def test_it_opens_a_way_in_when_the_only_admin_is_switched_off(admin: User) -> None:
    admin.is_active = False
    admin.save()
    assert printed()
