"""Pictures leave with an export and come back with an import; what only looks like one does not."""

from __future__ import annotations

import base64
import copy
import io
import json
import zipfile
from typing import Any

import pytest
from PIL import Image

from accounts.errors import AppError
from accounts.models import User
from chats import importing, sending
from chats.exporting.archive import write_zip
from chats.exporting.document import write_json
from chats.exporting.reading import write_html, write_markdown
from chats.models import Chat, Message
from imaging import access, beside, metadata, sources, storage
from imaging.models import GeneratedImage, ImageJob, MessagePicture, SourcePicture, StoredFile
from tests.chats.conversation import finish
from tests.conftest import signed_in
from tests.imaging.studio import Studio, png, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(looked: Studio, alice: User) -> Chat:
    """A chat with a drawing of two variants, and one with two pictures beside a question, in one."""
    job = looked.drawn(alice, variants=2)
    chat = job.chat
    message = Message.objects.create(
        chat=chat, author=alice, role="user", content="What is this?", parent_id=chat.leaf_id
    )
    beside.attach(message, [upload(alice, "red").pk, upload(alice, "blue").pk], alice)
    Chat.objects.filter(pk=chat.pk).update(leaf=message)
    return Chat.objects.get(pk=chat.pk)


def document(chat: Chat) -> Any:
    return json.loads("".join(write_json([chat])))


def bring(user: User, told: Any) -> Chat:
    [chat] = importing.import_file(user, io.BytesIO(json.dumps(told).encode()))
    return Chat.objects.get(pk=chat.pk)


def described(told: Any) -> Any:
    """Return what an export says but for when it was written and the pictures' bytes."""
    plain = copy.deepcopy(told["chats"])
    for part in _parts(told=plain):
        for picture in part["pictures"]:
            picture.pop("data", None)
    return plain


def _parts(told: Any) -> list[Any]:
    return [part for chat in told for row in chat["messages"] for part in row.get("parts", {}).values()]


def test_a_chats_pictures_come_back_with_all_that_made_them(chat: Chat, alice: User) -> None:
    before = document(chat)
    after = bring(alice, before)
    assert document(after)["chats"] == before["chats"]
    assert ImageJob.objects.count() == 2
    assert StoredFile.objects.count() == 4
    page = signed_in(alice).get(after.get_absolute_url()).content.decode()
    image = GeneratedImage.objects.filter(job__chat=after).first()
    assert image
    assert image.small_url.removesuffix("256") + "768" in page
    assert access.get_image(alice, image.pk) == image


def test_somebody_else_gets_the_same_pixels_made_anew(chat: Chat, alice: User, bob: User) -> None:
    before = document(chat)
    after = bring(bob, before)
    assert described(document(after)) == described(before)
    drawn = GeneratedImage.objects.filter(job__chat=after, index=0).select_related("file").get()
    assert drawn.file
    assert metadata.read_from(storage.read(drawn.file))["seed"] == drawn.seed
    assert SourcePicture.objects.filter(user=bob).count() == 2


def test_a_zip_has_each_picture_once_and_comes_back(chat: Chat, bob: User) -> None:
    packed = b"".join(write_zip([chat, chat]))
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert len([name for name in names if name.startswith("pictures/")]) == 4
    first, second = importing.import_file(bob, io.BytesIO(packed))
    assert described(document(first)) == described(document(second)) == described(document(chat))


def test_the_page_has_its_pictures_inside_and_markdown_names_them(chat: Chat) -> None:
    page = "".join(write_html(chat))
    assert page.count('src="data:image/png;base64,') == 4
    assert "*Picture: red.png*" in "".join(write_markdown(chat)) or "*Picture: " in "".join(
        write_markdown(chat)
    )


def test_a_picture_of_its_own_comes_back(alice: User, bob: User, studio: Studio) -> None:
    source = sources.add_to_chat(alice, None, png("green"), "зелёный.png")
    assert source.message
    before = document(source.message.chat)
    for user in (alice, bob):
        chat = bring(user, before)
        assert described(document(chat)) == described(before)
        assert SourcePicture.objects.get(message__chat=chat).name == "зелёный.png"


def test_a_file_that_the_disk_has_lost_is_left_out(chat: Chat, alice: User) -> None:
    lost = MessagePicture.objects.select_related("source__file").first()
    assert lost
    storage.path(lost.source.file).unlink()
    assert len(document(chat)["chats"][0]["messages"][-1]["parts"]["beside"]["pictures"]) == 1


def _small_gif() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 8)).save(written, "GIF")
    return written.getvalue()


@pytest.mark.parametrize(
    "data",
    ["", "%%%", 7, None, base64.b64encode(b"<svg onload=alert(1)>").decode(),
     base64.b64encode(_small_gif()).decode(), base64.b64encode(png()[:200]).decode()],
    ids=["empty", "no-base64", "number", "none", "svg", "gif", "cut"],
)  # fmt: skip
@pytest.mark.parametrize("part", ["beside", "drawing"])
def test_what_is_no_picture_is_refused_and_nothing_stays(chat: Chat, bob: User, part: str, data: Any) -> None:
    told = document(chat)
    if part == "drawing" and data == base64.b64encode(_small_gif()).decode():
        data = data[:40]  # a whole one is made a PNG, as one that ComfyUI draws is
    for row in told["chats"][0]["messages"]:
        if part in row.get("parts", {}):
            row["parts"][part]["pictures"][0]["data"] = data
    with pytest.raises(AppError):
        bring(bob, told)
    assert not Chat.objects.filter(user=bob).exists()


@pytest.mark.parametrize(
    "change",
    [{"kind": "virus"}, {"status": "rendering"}, {"variants": 5}, {"variants": 0}, {"width": -1},
     {"denoise": "x"}, {"denoise": 1e400}, {"notices": [7]}, {"strength": "huge"}, {"pictures": 5},
     {"source": {"data": 5}}, {"seed": "1" * 21}, {"created_at": "now"}, {"settings": [1]}],
    ids=str,
)  # fmt: skip
def test_a_job_that_is_not_as_it_should_be_is_refused(chat: Chat, bob: User, change: Any) -> None:
    told = document(chat)
    for row in told["chats"][0]["messages"]:
        if "drawing" in row.get("parts", {}):
            row["parts"]["drawing"] |= change
    with pytest.raises(AppError):
        bring(bob, told)
    assert not Chat.objects.filter(user=bob).exists()


def test_what_hides_behind_the_pixels_of_a_drawing_does_not_come_along(chat: Chat, bob: User) -> None:
    told = document(chat)
    for row in told["chats"][0]["messages"]:
        for picture in row.get("parts", {}).get("drawing", {}).get("pictures", ()):
            data = base64.b64decode(picture["data"]) + b"<script>alert(1)</script>"
            picture["data"] = base64.b64encode(data).decode()
    after = bring(bob, told)
    for image in GeneratedImage.objects.filter(job__chat=after).select_related("file"):
        assert image.file
        assert b"<script>" not in storage.read(image.file)


def test_an_answer_about_pictures_is_exported_too(alice: User, looked: Studio) -> None:
    sent = sending.send_message(None, author=alice, content="hello")
    finish(sent.answer)
    told = document(sent.chat)
    assert all("parts" not in row for row in told["chats"][0]["messages"])
