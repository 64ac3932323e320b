"""A picture from a wish, as people see it: the real app before a scripted Ollama and a scripted ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.visits import PHONE, Visit, new_context
from tests.processes import App, Person, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script

PROMPT = "A red fox stands in deep snow at dusk. Its fur glows in the last light."


@pytest.fixture(scope="module")
def comfyui() -> Iterator[ScriptedComfyUI]:
    with ScriptedComfyUI() as running:
        running.picture_seconds = 1.0
        yield running


@pytest.fixture(scope="module")
def studio(comfyui: ScriptedComfyUI) -> Iterator[App]:
    with running_app(GPU_SETTLE="0", COMFYUI_URL=comfyui.url) as app:
        app.ollama.default = Script(tokens=[json.dumps({"prompt": PROMPT})])
        yield app


@pytest.fixture(scope="module")
def anna(studio: App) -> Person:
    return studio.person("anna")


@pytest.fixture
def opened(studio: App, chromium: Browser) -> Iterator[Any]:
    visits: list[Visit] = []

    def visit(person: Person, path: str = "/", **options: Any) -> Visit:
        context = new_context(chromium, studio, person, studio.url, **options)
        visits.append(Visit(studio, context.new_page(), studio.url))
        visits[-1].open(path)
        return visits[-1]

    yield visit
    complaints = [line for visit_ in visits for line in visit_.complaints()]
    for visit_ in visits:
        visit_.page.context.close()
    assert complaints == []


def order(visit: Visit, words: str, *, variants: int = 1, button: str = "Picture") -> None:
    page = visit.page
    tool = page.get_by_role("button", name=button, exact=True)
    if tool.get_attribute("aria-pressed") == "false":
        tool.click()
    page.locator("select[name=variants]").select_option(str(variants))
    page.locator("select[name=size]").select_option("832x1216")
    page.locator("textarea").fill(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*/")


def test_a_russian_wish_becomes_a_card_that_fills_in_live(
    comfyui: ScriptedComfyUI, anna: Person, opened: Any
) -> None:
    comfyui.picture_seconds = 4.0
    visit = opened(anna)
    order(visit, "Рыжая лиса в снегу на закате", variants=2)
    job = visit.page.locator("image-job")
    expect(job.locator("progress")).to_be_visible()
    expect(job.locator(".job-stage")).to_contain_text("Drawing 1 of 2")
    expect(job.locator(".variants img:not(.preview)")).to_have_count(1)
    expect(job.get_by_role("button", name="Cancel")).to_be_visible()
    comfyui.picture_seconds = 1.0
    expect(job.locator(".variants img:not(.preview)")).to_have_count(2)
    expect(job.get_by_role("button", name="Draw again")).to_be_visible()
    first = job.locator(".variants img").first
    assert first.evaluate("image => image.complete && image.naturalWidth > 0")
    job.locator("summary").click()
    expect(job.locator(".thoughts")).to_have_text(PROMPT)
    seeds = job.locator(".seed").all_text_contents()
    assert len(set(seeds)) == 2

    visit.page.reload()
    expect(visit.page.locator("image-job .variants img")).to_have_count(2)


def test_drawing_again_and_varying_are_cards_of_their_own(anna: Person, opened: Any) -> None:
    visit = opened(anna)
    order(visit, "A lighthouse")
    jobs = visit.page.locator("image-job")
    expect(jobs.get_by_role("button", name="Vary")).to_be_visible()
    jobs.get_by_role("button", name="Draw again").click()
    expect(jobs).to_have_count(2)
    expect(jobs.nth(1).locator(".variants img:not(.preview)")).to_have_count(1)
    assert len(set(jobs.locator(".seed").all_text_contents())) == 2


def test_the_wish_for_a_picture_is_edited_but_not_sent_as_a_question(anna: Person, opened: Any) -> None:
    visit = opened(anna)
    order(visit, "A harbour")
    wish = visit.page.locator(".message.user")
    wish.hover()
    wish.locator("[data-edit]").click()
    expect(wish.get_by_role("button", name="Only save")).to_be_visible()
    expect(wish.get_by_role("button", name="Send again")).to_have_count(0)


def test_the_same_wish_in_another_size_is_another_picture(anna: Person, opened: Any) -> None:
    visit = opened(anna)
    page = visit.page
    visit.expect_trouble("ERR_FAILED")

    def reach_the_server_but_lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/pictures/order/", reach_the_server_but_lose_the_answer)
    page.get_by_role("button", name="Picture", exact=True).click()
    page.locator("textarea").fill("A harbour")
    page.keyboard.press("Enter")
    expect(page.locator(".composer-error")).to_contain_text("Your text is kept here")
    page.unroute("**/pictures/order/")
    order(visit, "A harbour", variants=2)
    expect(page.locator("image-job .variants img:not(.preview)")).to_have_count(2, timeout=60_000)


def test_a_card_that_could_not_be_fetched_at_the_end_is_fetched_later(
    comfyui: ScriptedComfyUI, anna: Person, opened: Any
) -> None:
    visit = opened(anna)
    page = visit.page
    visit.expect_trouble("ERR_FAILED")
    comfyui.picture_seconds = 3.0
    order(visit, "A bridge")
    job = page.locator("image-job")
    expect(job.locator("progress")).to_be_visible(timeout=20_000)
    comfyui.picture_seconds = 1.0
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        route.abort()

    page.route("**/messages/*/", lose)
    comfyui.wait_for(lambda: comfyui.intervals[-1].end, 20)
    for _ in range(200):
        if len(lost) >= 4:
            break
        page.wait_for_timeout(100)
    page.unroute("**/messages/*/")
    expect(job.locator(".variants img:not(.preview)")).to_have_count(1, timeout=20_000)


def test_a_picture_is_cancelled_in_the_middle(comfyui: ScriptedComfyUI, anna: Person, opened: Any) -> None:
    comfyui.picture_seconds = 20.0
    visit = opened(anna)
    order(visit, "A castle", variants=4)
    job = visit.page.locator("image-job")
    expect(job.locator("progress")).to_be_visible()
    job.get_by_role("button", name="Cancel").click()
    expect(job.locator(".trouble")).to_contain_text("Cancelled.")
    comfyui.picture_seconds = 1.0


def test_a_picture_does_not_block_the_chat(studio: App, anna: Person, opened: Any) -> None:
    visit = opened(anna)
    order(visit, "A bridge", variants=2)
    page = visit.page
    page.locator("textarea").fill("And a word meanwhile")
    page.keyboard.press("Enter")
    expect(page.locator("chat-message[data-role=assistant]")).to_have_count(2)
    expect(page.locator("image-job .variants img:not(.preview)")).to_have_count(2)
    expect(page.locator("chat-message .prose").last).to_contain_text("fox")


def test_on_a_phone_in_russian(anna: Person, opened: Any) -> None:
    visit = opened(anna, viewport=PHONE, has_touch=True, is_mobile=True, locale="ru-RU")
    page = visit.page
    page.get_by_role("button", name="Картинка", exact=True).tap()
    page.locator("textarea").fill("Маяк")
    page.locator("[data-send]").tap()
    expect(page.locator("image-job .variants img:not(.preview)")).to_have_count(1)
    expect(page.get_by_role("button", name="Ещё раз")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_somebody_else_sees_nothing_of_it(studio: App, anna: Person, opened: Any) -> None:
    hers = opened(anna)
    order(hers, "A secret")
    image = hers.page.locator("image-job .variants img:not(.preview)")
    expect(image).to_have_count(1)
    url = image.get_attribute("src")
    boris = opened(studio.person("boris"))
    boris.expect_trouble("404")
    assert boris.page.request.get(f"{studio.url}{url}").status == 404
    assert hers.page.request.get(f"{studio.url}{url}").status == 200


def test_the_card_that_something_is_missing_goes_by_itself(
    comfyui: ScriptedComfyUI, anna: Person, opened: Any
) -> None:
    comfyui.stop()
    visit = opened(anna)
    page = visit.page
    card = page.locator("picture-tool").get_by_text("Pictures are being set up")
    for _ in range(40):
        page.reload()
        page.get_by_role("button", name="Picture", exact=True).click()
        if card.is_visible():
            break
        page.wait_for_timeout(500)
    expect(card).to_be_visible()
    comfyui.start()
    expect(card).to_have_count(0, timeout=40_000)
