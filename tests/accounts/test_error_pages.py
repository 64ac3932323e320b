from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from accounts import error_pages
from accounts.errors import SENTENCES, STATUSES, AppError, Code

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]
FETCH = {"X-Requested-With": "fetch"}


@pytest.fixture
def browser() -> Client:
    """A browser that sees what people see when something breaks."""
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/wrong/told/", 503, "unavailable"),
        ("/wrong/broken/", 500, "server"),
        ("/wrong/denied/", 403, "forbidden"),
        ("/wrong/redis/", 503, "unavailable"),
        ("/nowhere/", 404, "not_found"),
    ],
)
def test_a_person_gets_a_page_and_a_script_gets_json(
    browser: Client, path: str, status: int, code: str
) -> None:
    page = browser.get(path)
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")
    assert "secret details" not in page.content.decode()
    answer = browser.get(path, headers=FETCH)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"] in page.content.decode().replace("&lt;", "<").replace(
        "&gt;", ">"
    )


def test_an_error_keeps_its_fields_and_its_time_to_wait(browser: Client) -> None:
    answer = browser.get("/wrong/told/", headers=FETCH)
    assert answer.json() == {
        "error": {"code": "unavailable", "message": "The <queue> is full.", "fields": {"model": ["Choose."]}}
    }
    assert answer["Retry-After"] == "3"


def test_a_sentence_is_text_and_no_html(browser: Client) -> None:
    assert "<queue>" not in browser.get("/wrong/told/").content.decode()


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/wrong/any"])
def test_addresses_of_the_api_answer_in_json_whoever_asks(browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert answer["Content-Type"] == "application/json"
    assert set(answer.json()["error"]) == {"code", "message"}


def test_an_old_form_is_refused_with_a_sentence() -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.post("/language/", {"language": "ru"})
    assert page.status_code == 403
    assert "load it again" in page.content.decode()
    assert browser.post("/language/", {}, headers=FETCH).json()["error"]["code"] == "forbidden"


def test_an_unknown_host_is_refused_with_a_page(browser: Client) -> None:
    assert browser.get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400


def refuse(*_args: object) -> None:
    """Stand for a database that is away."""
    raise OperationalError("secret details")


def test_the_page_stands_without_a_database(alice_client: Client) -> None:
    alice_client.raise_request_exception = False
    with connection.execute_wrapper(refuse):
        page = alice_client.get("/nowhere/")
        answer = alice_client.get("/nowhere/", headers=FETCH)
    assert (page.status_code, answer.status_code) == (500, 500)
    assert str(SENTENCES[Code.SERVER]) in page.content.decode()
    assert "secret" not in page.content.decode()
    assert answer.json()["error"]["code"] == "server"


def test_a_bare_page_stands_when_the_friendly_one_cannot_be_made(settings: LazySettings) -> None:
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
    request = RequestFactory().get("/")
    page = error_pages.respond(request, AppError("The <queue> is full.", code=Code.BUSY))
    assert page.status_code == 409
    assert "The &lt;queue&gt; is full." in page.content.decode()


def test_every_code_has_a_status_and_a_sentence() -> None:
    assert set(STATUSES) == set(SENTENCES) == set(Code)


@pytest.mark.parametrize(
    ("code", "permanent"), [(Code.INVALID, True), (Code.BUSY, False), (Code.SERVER, False)]
)
def test_an_error_tells_whether_to_try_again(code: Code, permanent: bool) -> None:
    assert AppError(code=code).permanent is permanent


def test_a_kind_of_error_carries_its_code_with_it() -> None:
    class FullError(AppError):
        code = Code.LIMIT

    error = FullError()
    assert (error.code, error.status, str(error)) == (Code.LIMIT, 429, str(SENTENCES[Code.LIMIT]))
    assert AppError("No.", code=Code.BUSY, status=423).status == 423
