"""Showing pictures to a model: brought in any way, taken back, refused where nobody would see them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, expect

from tests.browser.visits import PHONE, Visit, new_context
from tests.processes import App, Person, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script

SEEING = "smollm2-vision:135m"
BLIND = "smollm2:135m"
BRING = """([how, type, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const brought = new DataTransfer();
  brought.items.add(new File([bytes], name, {type}));
  const field = document.getElementById("content");
  const options = {bubbles: true, cancelable: true};
  if (how === "paste") {
    field.dispatchEvent(new ClipboardEvent("paste", {...options, clipboardData: brought}));
  } else {
    field.dispatchEvent(new DragEvent("dragover", {...options, dataTransfer: brought}));
    field.dispatchEvent(new DragEvent("drop", {...options, dataTransfer: brought}));
  }
}"""


@pytest.fixture(scope="module")
def studio() -> Iterator[App]:
    with (
        ScriptedComfyUI() as comfyui,
        running_app(GPU_SETTLE="0", COMFYUI_URL=comfyui.url, OLLAMA_VISION_MODEL=SEEING) as app,
    ):
        yield app


@pytest.fixture
def seen(studio: App) -> Iterator[App]:
    """The app, with the models it began with."""
    models = dict(studio.ollama.models)
    studio.ollama.reset()
    studio.ollama.default = Script(tokens=["A teal ", "square."])
    yield studio
    studio.ollama.models.clear()
    studio.ollama.models.update(models)


@pytest.fixture(scope="module")
def anna(studio: App) -> Person:
    return studio.person("anna")


@pytest.fixture
def visiting(seen: App, anna: Person, chromium: Browser) -> Iterator[Any]:
    visits: list[Visit] = []

    def visit(person: Person = anna, **options: Any) -> Visit:
        context = new_context(chromium, seen, person, seen.url, **options)
        visits.append(Visit(seen, context.new_page(), seen.url))
        visits[-1].open()
        return visits[-1]

    yield visit
    complaints = [line for visit_ in visits for line in visit_.complaints()]
    for visit_ in visits:
        visit_.page.context.close()
    assert complaints == []


@pytest.fixture
def desk(visiting: Any) -> Visit:
    """Anna at her desk, with the model that can't see chosen."""
    visit: Visit = visiting()
    expect(visit.page.locator(".picker-name")).to_have_text(BLIND)
    return visit


def picture(colour: str = "teal", size: tuple[int, int] = (320, 240)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "PNG")
    return written.getvalue()


def bring(visit: Visit, how: str, data: bytes, *, type_: str = "image/png", name: str = "photo.png") -> None:
    """Paste or drop a file."""
    visit.page.evaluate(BRING, [how, type_, name, base64.b64encode(data).decode()])


def pick(visit: Visit, folder: Path, *colours: str) -> None:
    """Choose pictures with the plus button."""
    files = [folder / f"{colour}.png" for colour in colours]
    for colour, file in zip(colours, files, strict=True):
        file.write_bytes(picture(colour))
    visit.page.locator("[data-attach]").set_input_files(files)


def test_the_plus_offers_pictures_to_look_at_and_pictures_to_draw(desk: Visit) -> None:
    plus = desk.page.get_by_role("button", name="Add", exact=True)
    plus.click()
    menu = desk.page.locator("#plus-menu")
    expect(menu).to_be_in_viewport()
    with desk.page.expect_file_chooser() as chooser:
        menu.get_by_text("Add pictures").click()
    chooser.value.set_files(FilePayload(name="photo.png", mimeType="image/png", buffer=picture("teal")))
    expect(menu).to_be_hidden()
    expect(tray(desk)).to_have_count(1)
    plus.press("Enter")
    desk.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    plus.press("Enter")
    menu.get_by_role("button", name="Create image").press("Enter")
    expect(menu).to_be_hidden()
    expect(desk.page.get_by_role("button", name="Picture", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(desk.composer).to_be_focused()


def tray(visit: Visit) -> Locator:
    """The pictures that have arrived."""
    return visit.page.locator(".tray li:not(.sending)")


def blind(visit: Visit) -> Locator:
    return visit.page.locator("section.blind")


def choose(visit: Visit, model: str) -> None:
    visit.page.locator(".picker summary").click()
    visit.page.locator("label.model", has_text=model).click()
    expect(visit.page.locator(".picker-name")).to_have_text(model)


def sent_images(app: App) -> list[int]:
    """How many pictures came with each message of the newest request; those for titles have a format."""
    asked = [call.body for call in app.ollama.chats if not call.body.get("format")]
    return [len(message.get("images", [])) for message in asked[-1]["messages"]]


def thumbnails(visit: Visit) -> Locator:
    return visit.page.locator(".beside img")


def test_a_pasted_picture_is_explained_seen_and_still_there_after_a_reload(seen: App, desk: Visit) -> None:
    bring(desk, "paste", picture())
    expect(tray(desk)).to_have_count(1)
    expect(blind(desk)).to_contain_text(f"{BLIND} can't see pictures. These can:")
    blind(desk).get_by_role("button", name=SEEING).click()
    expect(blind(desk)).to_be_hidden()
    expect(desk.page.locator(".picker-name")).to_have_text(SEEING)
    desk.send("What is this?")
    desk.page.wait_for_url("**/chats/*/")
    expect(desk.prose).to_have_text("A teal square.")
    assert sent_images(seen) == [1]
    expect(tray(desk)).to_have_count(0)
    desk.page.reload()
    expect(thumbnails(desk)).to_have_count(1)
    assert thumbnails(desk).evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    expect(thumbnails(desk)).to_have_attribute("alt", "Picture 1: photo.png")


def test_a_dropped_picture_goes_alone_and_opens_large(seen: App, desk: Visit) -> None:
    choose(desk, SEEING)
    bring(desk, "drop", picture("navy"))
    expect(tray(desk)).to_have_count(1)
    desk.page.locator("[data-send]").click()
    desk.page.wait_for_url("**/chats/*/")
    expect(desk.prose).to_have_text("A teal square.")
    assert sent_images(seen) == [1]
    thumbnails(desk).click()
    viewer = desk.page.get_by_role("dialog", name="Picture")
    expect(viewer.locator("figure img")).to_be_visible()
    expect(viewer.locator(".viewed-words")).to_have_text("photo.png")
    desk.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()


def test_what_was_shown_to_a_model_is_used_as_a_source_from_its_page_too(desk: Visit) -> None:
    choose(desk, SEEING)
    bring(desk, "paste", picture("crimson"))
    expect(tray(desk)).to_have_count(1)
    desk.send("What is this?")
    desk.page.wait_for_url("**/chats/*/")
    thumbnails(desk).click()
    desk.page.get_by_role("dialog").get_by_text("Use as source").click()
    chip = desk.page.locator(".source-chip img")
    expect(chip).to_be_visible()
    shown = chip.get_attribute("src")
    desk.page.goto(desk.url + (desk.page.locator("a[data-view]").get_attribute("href") or ""))
    desk.page.get_by_text("Use as source").click()
    expect(chip).to_have_attribute("src", shown or "")
    assert "source" not in desk.page.url


def test_four_go_along_a_fifth_is_refused_and_one_is_taken_back(
    seen: App, desk: Visit, tmp_path: Path
) -> None:
    choose(desk, SEEING)
    pick(desk, tmp_path, "red", "green", "blue", "gold", "pink")
    expect(tray(desk)).to_have_count(4)
    expect(desk.page.locator(".composer-error")).to_have_text("At most 4 pictures go with a message.")
    tray(desk).nth(1).get_by_role("button", name="Remove the picture").click()
    expect(tray(desk)).to_have_count(3)
    desk.send("What are these?")
    desk.page.wait_for_url("**/chats/*/")
    expect(thumbnails(desk)).to_have_count(3)
    expect(desk.prose).to_have_text("A teal square.")
    assert sent_images(seen) == [3]


def test_the_same_picture_twice_is_one(desk: Visit) -> None:
    for _ in range(2):
        bring(desk, "paste", picture())
    expect(desk.page.locator(".tray .sending")).to_have_count(0)
    expect(tray(desk)).to_have_count(1)


def test_what_is_no_picture_is_refused_and_the_words_stay(desk: Visit) -> None:
    desk.write("Look at this")
    bring(desk, "drop", b"words", type_="text/plain", name="notes.txt")
    expect(desk.page.locator(".composer-error")).to_contain_text("This is no picture.")
    desk.expect_trouble("415|400")
    bring(desk, "drop", b"GIF89a and no more", type_="image/gif", name="moving.gif")
    expect(desk.page.locator(".composer-error")).to_contain_text("GIF")
    expect(desk.page.locator(".tray li")).to_have_count(0)
    expect(desk.composer).to_have_value("Look at this")


def test_words_and_pictures_stay_over_a_reload_until_they_are_sent(seen: App, desk: Visit) -> None:
    bring(desk, "paste", picture("olive"))
    desk.write("Which colour?")
    expect(tray(desk)).to_have_count(1)
    desk.page.reload()
    expect(tray(desk)).to_have_count(1)
    expect(desk.composer).to_have_value("Which colour?")
    choose(desk, SEEING)
    desk.composer.press("Enter")
    desk.page.wait_for_url("**/chats/*/")
    expect(desk.prose).to_have_text("A teal square.")
    assert sent_images(seen) == [1]
    desk.open()
    expect(desk.page.locator(".tray li")).to_have_count(0)


def test_who_can_see_is_told_by_the_names_that_people_know(seen: App, desk: Visit) -> None:
    named = f"M.objects.update_or_create(name='{SEEING}', defaults=dict(label='The painter'))"
    seen.manage("shell", "-c", f"from gpu.models import LanguageModel as M; {named}")
    try:
        desk.open()
        bring(desk, "paste", picture())
        expect(blind(desk)).to_contain_text(f"{BLIND} can't see pictures. These can:")
        blind(desk).get_by_role("button", name="The painter").click()
        expect(blind(desk)).to_be_hidden()
        expect(desk.page.locator(".picker-name")).to_have_text("The painter")
        tray(desk).get_by_role("button").click()
        expect(tray(desk)).to_have_count(0)
    finally:
        seen.manage("shell", "-c", "from gpu.models import LanguageModel as M; M.objects.all().delete()")


def test_nothing_is_sent_to_a_model_that_cannot_see_and_nothing_is_lost(seen: App, desk: Visit) -> None:
    bring(desk, "paste", picture())
    expect(blind(desk)).to_be_visible()
    expect(desk.page.locator(".tray li.sending")).to_have_count(0)
    desk.send("What is this?")
    expect(blind(desk).get_by_role("button", name=SEEING)).to_be_focused()
    expect(desk.composer).to_have_value("What is this?")
    assert seen.ollama.chats == []

    desk.expect_trouble("400")
    desk.page.locator(f"model-picker input[value='{BLIND}']").evaluate("input => input.dataset.sees = ''")
    choose(desk, SEEING)
    choose(desk, BLIND)  # the page is older than the models are
    desk.composer.press("Enter")
    expect(desk.page.locator(".composer-error")).to_have_text(
        f"{BLIND} can't see pictures. These can: {SEEING}."
    )
    expect(desk.composer).to_have_value("What is this?")
    expect(tray(desk)).to_have_count(1)


def test_where_no_model_sees_it_is_said_and_the_picture_may_become_a_source(seen: App, desk: Visit) -> None:
    bring(desk, "paste", picture("purple"))
    expect(blind(desk).get_by_role("button", name=SEEING)).to_be_visible()
    del seen.ollama.models[SEEING]
    expect(blind(desk)).to_contain_text("no model that can is installed")
    expect(blind(desk)).to_contain_text("The admin can add one.")
    blind(desk).get_by_role("button", name="Use it as the source of a new picture").click()
    expect(desk.page.locator(".source-chip img")).to_be_visible()
    expect(desk.page.locator(".tray li")).to_have_count(0)
    expect(blind(desk)).to_be_hidden()
    assert desk.page.locator("input[name=source]").input_value()


def test_an_admin_downloads_a_model_that_sees_and_goes_on_with_it(seen: App, visiting: Any) -> None:
    del seen.ollama.models[SEEING]
    seen.ollama.pull_seconds = 0.2
    visit = visiting(seen.person("root", role="admin"))
    bring(visit, "paste", picture("purple"))
    blind(visit).get_by_role("button", name=f"Download {SEEING}, which can see").click()
    blind(visit).get_by_role("button", name=SEEING, exact=True).click()
    expect(blind(visit)).to_be_hidden()
    expect(tray(visit)).to_have_count(1)


def test_while_pictures_are_drawn_a_picture_is_what_is_changed(desk: Visit) -> None:
    bring(desk, "paste", picture("brown"))
    expect(tray(desk)).to_have_count(1)
    desk.page.get_by_role("button", name="Picture", exact=True).click()
    chip = desk.page.locator(".source-chip:not(.sending)")
    expect(chip).to_contain_text("photo.png")
    expect(desk.page.locator(".attach")).to_be_hidden()
    bring(desk, "paste", picture("black"), name="other.png")
    expect(chip).to_contain_text("other.png")
    expect(desk.page.locator(".tray li")).to_have_count(0)


def test_another_model_that_cannot_see_gets_words_and_the_answer_says_so(seen: App, desk: Visit) -> None:
    choose(desk, SEEING)
    bring(desk, "paste", picture())
    expect(tray(desk)).to_have_count(1)
    desk.send("What is this?")
    desk.page.wait_for_url("**/chats/*/")
    expect(desk.prose).to_have_text("A teal square.")
    desk.wait_for_end()
    choose(desk, BLIND)
    desk.send("And now?")
    expect(desk.answers).to_have_count(2)
    expect(desk.answer.locator(".notice")).to_contain_text("not sent")
    desk.wait_for_end()
    expect(desk.answer.locator(".notice")).to_have_text("1 picture was not sent: this model can't see.")
    assert sent_images(seen) == [0, 0, 0]


def test_on_a_phone_in_russian_a_large_photo_is_picked(seen: App, visiting: Any, tmp_path: Path) -> None:
    visit = visiting(viewport=PHONE, has_touch=True, is_mobile=True, locale="ru-RU")
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (8064, 6048), "teal").save(photo, "JPEG", quality=60)
    choose(visit, SEEING)
    visit.page.locator("[data-attach]").set_input_files(photo)
    expect(tray(visit)).to_have_count(1)
    assert not visit.scrolls_sideways()
    for target in (visit.page.locator(".attach"), tray(visit).get_by_role("button")):
        box = target.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44
    visit.write("Что это?")
    visit.page.locator("[data-send]").tap()
    visit.page.wait_for_url("**/chats/*/")
    expect(thumbnails(visit)).to_have_count(1)
    expect(visit.prose).to_have_text("A teal square.")
    assert sent_images(seen) == [1]
    assert not visit.scrolls_sideways()
