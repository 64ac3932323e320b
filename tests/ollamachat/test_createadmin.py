from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry, User

pytestmark = pytest.mark.django_db

STRONG = "correct horse battery"


def create(*arguments: str) -> str:
    """Return what the command prints."""
    out = io.StringIO()
    call_command("createadmin", *arguments, stdout=out)
    return out.getvalue().strip()


def test_a_password_from_the_environment_makes_an_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_CHAT_ADMIN_PASSWORD", STRONG)
    assert create("Anna", "--email", "anna@example.org") == "anna is an admin now."
    anna = User.objects.get(username="anna")
    assert anna.is_admin
    assert anna.email == "anna@example.org"
    assert anna.check_password(STRONG)
    assert AuditEntry.objects.get(action="user.created").target == "anna"


def test_a_password_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{STRONG}\n"))
    create("anna", "--stdin")
    assert User.objects.get(username="anna").check_password(STRONG)


@pytest.mark.parametrize("second", [STRONG, "another"])
def test_a_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch, second: str) -> None:
    answers = iter([STRONG, second])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    if second == STRONG:
        create("anna")
        assert User.objects.get(username="anna").check_password(STRONG)
    else:
        with pytest.raises(CommandError, match="not the same"):
            create("anna")


def test_without_any_source_it_says_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="--link"):
        create("anna")
    assert not User.objects.exists()


def test_a_link_lets_the_admin_choose_the_password_once(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://chat.home"
    link = create("anna", "--link")
    assert re.fullmatch(r"https://chat\.home/link/[\w-]{40,}/", link)
    path = link.removeprefix("https://chat.home")
    client.post(path, {"password": STRONG})
    assert User.objects.get(username="anna").check_password(STRONG)
    assert client.get(path).status_code == 410


def test_a_name_that_is_taken_and_a_weak_password_are_told(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_CHAT_ADMIN_PASSWORD", "123")
    with pytest.raises(CommandError) as refused:
        create("Alice")
    assert "username: This user name is taken." in str(refused.value)
    assert "password: " in str(refused.value)


def test_no_argument_takes_a_password() -> None:
    with pytest.raises(CommandError, match="unrecognized arguments"):
        create("anna", "--password", STRONG)
