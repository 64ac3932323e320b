from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.models import User
from gpu import arbiter, forecast
from live import log
from live.redis import client as redis
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db
PAGES = ["/card/", "/card/panel/", "/card/chip/", "/card/history/"]
ACTIONS = ["borrow", "give-back", "switch", "free", "pause", "drain", "retry"]
ADMINS = ["switch", "free", "pause", "drain", "retry"]


@pytest.fixture(autouse=True)
def card(settings: Any) -> list[str]:
    """A card that Ollama has, on which grants lead nowhere."""
    settings.GPU_OLLAMA_SLOTS = 1
    granted: list[str] = []
    arbiter.send_grants_with("message", lambda _row, lease_id: granted.append(lease_id))
    arbiter.transact("see", resident=arbiter.OLLAMA)
    return granted


@pytest.fixture
def child(db: None) -> User:
    return User.objects.create_user("kid", None, "secret of a kid", role="guest")


def busy(*tickets: tuple[int, User]) -> None:
    """Let the card answer the first and the others wait."""
    for row_id, user in tickets:
        arbiter.enqueue(arbiter.Ticket("message", row_id, user.pk))


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_asked_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302


@pytest.mark.parametrize("action", ACTIONS)
def test_strangers_and_links_do_nothing(client: Client, alice_client: Client, action: str) -> None:
    before = arbiter.read()
    assert client.post(f"/card/{action}/").status_code == 302
    assert alice_client.get(f"/card/{action}/").status_code == 405
    assert arbiter.read() == before


@pytest.mark.parametrize("action", ADMINS)
def test_what_is_for_admins_is_refused_to_others(alice_client: Client, action: str) -> None:
    before = arbiter.read()
    refused = alice_client.post(f"/card/{action}/", {"service": "comfyui", "on": "1"})
    assert refused.status_code == 403
    assert arbiter.read() == before


def test_the_chip_says_who_has_the_card_and_how_many_wait(
    alice: User, bob: User, alice_client: Client
) -> None:
    busy((1, bob), (2, alice), (3, bob))
    told = alice_client.get("/card/chip/").text
    assert "Card: answers" in told
    assert "2 in line" in told
    assert 'data-row="2"' in told
    assert 'data-row="3"' not in told


def test_the_chip_stands_on_every_page_of_the_chat(alice_client: Client) -> None:
    assert alice_client.get("/").text.count("<gpu-status") == 2


@pytest.mark.parametrize("path", ["/accounts/password/change/", "/admin/", "/admin/gpu/languagemodel/"])
def test_it_stands_below_every_other_page(admin_client: Client, path: str) -> None:
    told = admin_client.get(path).text
    assert told.count("<gpu-status") == 1
    assert "Card: free" in told


def test_a_stranger_sees_no_card(client: Client) -> None:
    assert "gpu-status" not in client.get("/accounts/login/").text


def test_the_panel_keeps_others_without_a_name(alice: User, bob: User, alice_client: Client) -> None:
    busy((1, bob), (2, alice), (3, bob))
    told = alice_client.get("/card/panel/").text
    assert told.count("Another user&#x27;s question") == 2
    assert "Your question" in told
    assert "Bob" not in told
    assert "unknown yet" in told


def test_an_estimate_comes_from_what_was_learned(alice: User, bob: User, alice_client: Client) -> None:
    for _ in range(3):
        forecast.learn("chat:", 40.0)
    busy((1, bob), (2, alice))
    assert "about 40 s" in alice_client.get("/card/panel/").text


def test_a_page_of_its_own_shows_it_without_scripts(alice_client: Client) -> None:
    told = alice_client.get("/card/").text
    assert "Nobody waits." in told
    assert "Borrow the card" in told


def test_borrowing_and_giving_back(alice: User, alice_client: Client) -> None:
    back = alice_client.post("/card/borrow/", {"minutes": "60", "service": "none"})
    assert (back.status_code, back["Location"]) == (302, "/card/")
    taken = arbiter.read().borrow
    assert taken
    assert (taken.user_id, taken.service, taken.until - taken.at) == (alice.pk, "", 3_600_000)
    assert "you have borrowed it" in alice_client.get("/card/panel/").text
    alice_client.post("/card/give-back/")
    assert arbiter.read().borrow is None


def test_scripts_get_the_panel_back(alice_client: Client) -> None:
    told = alice_client.post(
        "/card/borrow/", {"minutes": "15", "other": "45"}, headers={"X-Requested-With": "fetch"}
    )
    assert told.status_code == 200
    assert "you have borrowed it" in told.text
    taken = arbiter.read().borrow
    assert taken
    assert taken.until - taken.at == 45 * 60_000


@pytest.mark.parametrize(
    "given",
    [{}, {"minutes": "0"}, {"minutes": "721"}, {"minutes": "x"}, {"minutes": "5", "service": "ollama"}],
)
def test_a_borrowing_that_makes_no_sense_is_refused(alice_client: Client, given: dict[str, Any]) -> None:
    assert alice_client.post("/card/borrow/", given).status_code == 400
    assert arbiter.read().borrow is None


def test_only_one_has_it_at_a_time(alice_client: Client, bob_client: Client, admin_client: Client) -> None:
    alice_client.post("/card/borrow/", {"minutes": "60"})
    assert bob_client.post("/card/borrow/", {"minutes": "5"}).status_code == 409
    assert "borrowed by Alice" in bob_client.get("/card/chip/").text
    assert bob_client.post("/card/give-back/").status_code == 403
    assert admin_client.post("/card/give-back/").status_code == 302
    assert arbiter.read().borrow is None


def test_children_ask_an_adult(child: User) -> None:
    browser = signed_in(child)
    assert browser.post("/card/borrow/", {"minutes": "60"}).status_code == 403
    assert "Borrow the card" not in browser.get("/card/panel/").text


def test_an_admin_pauses_and_resumes(admin_client: Client) -> None:
    admin_client.post("/card/pause/", {"on": "1"})
    assert arbiter.read().paused
    assert "Let the line go on" in admin_client.get("/card/panel/").text
    admin_client.post("/card/pause/", {"on": "0"})
    assert not arbiter.read().paused


def test_an_admin_prepares_a_restart(admin_client: Client) -> None:
    admin_client.post("/card/drain/", {"on": "1"})
    assert arbiter.is_draining()
    assert "restart ahead" in admin_client.get("/card/chip/").text
    admin_client.post("/card/drain/", {"on": "0"})
    assert not arbiter.is_draining()


def test_an_admin_has_the_card_emptied_only_between_answers(alice: User, admin_client: Client) -> None:
    busy((1, alice))
    assert admin_client.post("/card/free/").status_code == 409
    assert arbiter.read().leases
    admin_client.post("/card/free/", {"force": "1"})
    after = arbiter.read()
    assert not after.leases
    assert after.switch
    assert after.switch.to == ""


def test_a_busy_card_is_switched_by_force_after_a_question(alice: User, admin_client: Client) -> None:
    busy((1, alice))
    told = admin_client.get("/card/panel/").text
    assert "Give it to pictures now" in told
    assert "Give it to the chat now" not in told
    admin_client.post("/card/switch/", {"service": "comfyui", "force": "1"})
    switch = arbiter.read().switch
    assert switch
    assert switch.to == "comfyui"


def test_a_failed_service_is_told_and_tried_again(alice_client: Client, admin_client: Client) -> None:
    admin_client.post("/card/switch/", {"service": "comfyui"})
    switch = arbiter.read().switch
    assert switch
    reason = '{"code": "not_there", "service": "comfyui"}'
    arbiter.transact("failed", switch_id=switch.id, resident="ollama", reason=reason)
    told = alice_client.get("/card/panel/").text
    assert "ComfyUI does not answer." in told
    assert "Try again now" not in told
    assert "Try again now" in admin_client.get("/card/panel/").text
    admin_client.post("/card/retry/", {"service": "comfyui"})
    assert not arbiter.read().broken


def test_what_the_process_manager_says_is_for_admins(
    alice: User, alice_client: Client, admin_client: Client
) -> None:
    admin_client.post("/card/switch/", {"service": "comfyui"})
    switch = arbiter.read().switch
    assert switch
    told = {"code": "not_started", "service": "comfyui", "text": "python: can't open file '/srv/main.py'."}
    arbiter.transact("failed", switch_id=switch.id, resident="ollama", reason=json.dumps(told))
    for page in ("/card/panel/", "/card/chip/", "/api/gpu", "/api/gpu/diary"):
        assert "main.py" not in alice_client.get(page).text
    assert "ComfyUI does not start. What waits keeps its place" in alice_client.get("/card/panel/").text
    assert "ComfyUI does not start: python: can" in admin_client.get("/card/panel/").text
    frames = redis().xrevrange(log.stream_key("card", "all"))
    assert frames
    assert not any("main.py" in str(frame) for frame in frames)


def test_a_failed_emptying_is_told_and_tried_again(admin_client: Client) -> None:
    admin_client.post("/card/free/")
    switch = arbiter.read().switch
    assert switch
    reason = '{"code": "keeps_memory", "service": "ollama"}'
    arbiter.transact("failed", switch_id=switch.id, resident="?", reason=reason)
    assert "Ollama does not give its memory back." in admin_client.get("/card/panel/").text
    admin_client.post("/card/retry/", {"service": "none"})
    assert not arbiter.read().broken


def test_a_borrowed_card_is_not_switched(alice_client: Client, admin_client: Client) -> None:
    alice_client.post("/card/borrow/", {"minutes": "60", "service": "none"})
    for path, given in (("switch", {"service": "comfyui", "force": "1"}), ("switch", {"service": "ollama"})):
        refused = admin_client.post(f"/card/{path}/", given, headers={"X-Requested-With": "fetch"})
        assert refused.status_code == 409
        assert "The card is borrowed." in refused.text
    assert not arbiter.read().wish


@pytest.mark.parametrize(
    ("handoff", "sentence"),
    [
        ("shared", "The chat and pictures share the card."),
        ("none", "The chat and pictures have a card each."),
        ("exclusive", "Nobody has looked at the card yet."),
    ],
)
def test_who_has_the_card_is_told_as_it_is_shared(
    settings: Any, alice_client: Client, handoff: str, sentence: str
) -> None:
    settings.GPU_HANDOFF = handoff
    settings.GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI = False
    arbiter.transact("see", resident="?")
    assert sentence in alice_client.get("/card/panel/").text


def test_many_answers_leave_what_happened_in_the_diary(admin_client: Client, alice: User) -> None:
    admin_client.post("/card/pause/", {"on": "1"})
    admin_client.post("/card/pause/", {"on": "0"})
    for row_id in range(300):
        busy((row_id, alice))
        arbiter.transact("release", lease_id=arbiter.read().leases[0].id, used=1)
    assert "an admin paused the line" in admin_client.get("/card/panel/").text


def test_the_chart_has_its_numbers(alice_client: Client) -> None:
    assert alice_client.get("/card/history/").json() == {"points": [], "total": 0}


@override_settings(GPU_WAIT_TIMEOUT=0)
def test_a_line_that_stands_still_is_told(alice: User, bob: User, alice_client: Client) -> None:
    busy((1, bob), (2, alice))
    assert 'data-stands-still="1"' in alice_client.get("/card/chip/").text


def test_the_number_of_queries_does_not_grow_with_the_line(
    alice: User, bob: User, alice_client: Client, django_assert_max_num_queries: Any
) -> None:
    busy((1, bob), *((row, alice) for row in range(2, 40)))
    with django_assert_max_num_queries(3):
        alice_client.get("/card/panel/")
