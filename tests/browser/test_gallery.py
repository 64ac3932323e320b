"""What people do with their pictures: look first, choose, look closely, change one, clear away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import PHONE, Visit, new_context
from tests.processes import App, Person, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script

PROMPT = "A red fox stands in deep snow at dusk. Its fur glows in the last light."
SEEN = "Серая кошка сидит на синей скамье."
ANSWER = {"prompt": PROMPT, "text": SEEN, "change": "colour", "denoise": 0.6, "steps": 28}


@pytest.fixture(scope="module")
def studio() -> Iterator[App]:
    with ScriptedComfyUI() as comfyui:
        comfyui.picture_seconds = 0.3
        with running_app(
            GPU_SETTLE="0", COMFYUI_URL=comfyui.url, OLLAMA_VISION_MODEL="smollm2-vision:135m"
        ) as app:
            app.ollama.default = Script(tokens=[json.dumps(ANSWER)])
            yield app


@pytest.fixture(scope="module")
def anna(studio: App) -> Person:
    return studio.person("anna")


@pytest.fixture
def opened(studio: App, chromium: Browser) -> Iterator[Any]:
    visits: list[Visit] = []

    def visit(person: Person, path: str = "/", **options: Any) -> Page:
        context = new_context(chromium, studio, person, studio.url, **options)
        visits.append(Visit(studio, context.new_page(), studio.url))
        visits[-1].open(path)
        return visits[-1].page

    yield visit
    complaints = [line for visit_ in visits for line in visit_.complaints()]
    for visit_ in visits:
        visit_.page.context.close()
    assert complaints == []


def photo(folder: Path, size: tuple[int, int]) -> Path:
    path = folder / "holiday.jpg"
    Image.new("RGB", size, "teal").save(path, "JPEG", quality=60)
    return path


def order(page: Page, words: str, *, variants: int = 1) -> None:
    page.locator("select[name=variants]").select_option(str(variants))
    page.locator("#content").fill(words)
    page.locator("[data-send]").click()
    page.wait_for_url("**/chats/*/")


def test_a_large_photo_is_changed_after_a_look_at_the_prompt(
    anna: Person, opened: Any, tmp_path: Path
) -> None:
    page = opened(anna)
    page.locator("[data-file]").set_input_files(photo(tmp_path, (8064, 6048)))
    expect(page.locator(".source-name")).to_have_text("holiday.jpg")
    expect(page.locator(".source-chip:not(.sending) img")).to_be_visible()
    expect(page.locator("select[name=size]")).to_be_hidden()
    page.locator("select[name=strength]").select_option("keep")
    page.get_by_text("More settings").locator("..").click()
    page.get_by_label("Show me the prompt first").check()
    order(page, "сделай скамью зелёной")
    job = page.locator("image-job")
    expect(job.get_by_label("What the picture to start from shows")).to_have_value(SEEN)
    expect(job.get_by_label("The English prompt")).to_have_value(PROMPT)
    job.get_by_label("The English prompt").fill("A green bench stands in the snow.")
    job.get_by_role("button", name="Draw it").click()
    expect(job.locator(".variants img:not(.preview)")).to_have_count(1)
    expect(page.locator("image-job .who, .who .muted").first).to_contain_text("1024 × 768")
    job.locator("summary").click()
    expect(job.locator(".thoughts")).to_have_text("A green bench stands in the snow.")


def test_the_best_is_chosen_looked_at_and_changed_again(anna: Person, opened: Any) -> None:
    page = opened(anna)
    page.get_by_role("button", name="Picture", exact=True).click()
    order(page, "A lighthouse", variants=2)
    job = page.locator("image-job").first
    job.get_by_role("button", name="Choose as the best").nth(1).click()
    expect(job.locator("li.chosen")).to_have_attribute("data-variant", "1")

    job.locator("a[data-view]").first.click()
    viewer = page.get_by_role("dialog", name="Picture")
    expect(viewer.locator(".viewed-words")).to_have_text("A lighthouse")
    expect(viewer.locator("figure img")).to_be_visible()
    first = viewer.locator(".viewed-facts code").text_content()
    page.keyboard.press("ArrowRight")
    expect(viewer.locator(".viewed-facts code")).not_to_have_text(first or "")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()

    job.get_by_text("Use as source").click()
    expect(page.locator(".source-chip img")).to_be_visible()
    page.locator("#content").fill("make it night")
    page.keyboard.press("Enter")
    expect(page.locator("image-job")).to_have_count(2)
    expect(page.locator("image-job").nth(1).locator(".variants img:not(.preview)")).to_have_count(1)


def test_pictures_are_found_thrown_away_and_brought_back_on_a_phone(studio: App, opened: Any) -> None:
    page = opened(studio.person("boris"), viewport=PHONE, has_touch=True, is_mobile=True)
    for words in ("Рыжая ЛИСА", "A bridge"):
        page.goto(f"{studio.url}/")
        page.get_by_role("button", name="Picture", exact=True).tap()
        order(page, words)
        expect(page.locator("image-job .variants img:not(.preview)")).to_have_count(1)
    page.goto(f"{studio.url}/pictures/")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(2)
    page.get_by_role("searchbox").fill("лиса")
    expect(tiles).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tiles.locator("input").check()
    page.get_by_role("button", name="Delete").tap()
    expect(tiles).to_have_count(0)
    page.locator(".flashes").get_by_role("button", name="Bring back").tap()
    expect(tiles).to_have_count(1)

    with page.expect_download() as waiting:
        tiles.locator("a").tap()
        page.get_by_role("link", name="Download without prompt").tap()
    with Image.open(io.BytesIO(waiting.value.path().read_bytes())) as picture:
        assert picture.info == {}
