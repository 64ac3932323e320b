"""Pictures beside messages on their way to a model: what is sent, what is refused, what is said."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.errors import AppError, Code
from accounts.models import User
from chats import sending
from chats.context import Turn, fit
from chats.generation import generate
from chats.models import Chat, Message
from chats.sweep import still_wanted
from gpu import snapshot
from gpu.arbiter import line
from gpu.models import LanguageModel
from gpu.snapshot import Known
from imaging import sources, storage
from imaging.models import MessagePicture, SourcePicture
from tests.chats.conversation import MODEL, ask, finish, know_models
from tests.imaging.studio import png, upload
from tests.standins.ollama import ScriptedOllama

SEEING = "smollm2-vision:135m"
BLIND = f"{MODEL} can't see pictures."
FETCH = {"X-Requested-With": "fetch"}


@dataclass
class Answering:
    """An Ollama, and the grants that wait for a worker."""

    ollama: ScriptedOllama
    grants: list[tuple[int, str]] = field(default_factory=list)

    def answer(self, user: User, content: str, *pictures: SourcePicture, **more: Any) -> sending.Sent:
        """Send a message with pictures and have it answered."""
        sent = ask(user, content, pictures=[picture.pk for picture in pictures], **more)
        generate(*self.grants.pop(0))
        sent.answer.refresh_from_db()
        assert sent.answer.status == Message.Status.COMPLETE
        return sent

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the newest request brought."""
        told: list[dict[str, Any]] = self.ollama.chats[-1].body["messages"]
        return told


@pytest.fixture
def answering(tmp_path: Path, transactional_db: None) -> Iterator[Answering]:
    kinds = dict(line.kinds())
    with (
        ScriptedOllama() as ollama,
        override_settings(OLLAMA_URL=ollama.url, IMAGE_STORAGE_PATH=tmp_path, GPU_HANDOFF="none"),
    ):
        grants: list[tuple[int, str]] = []
        line.send_grants_with("message", lambda row, lease: grants.append((row, lease)), wanted=still_wanted)
        snapshot.refresh()
        yield Answering(ollama, grants)
    line.kinds().update(kinds)


@pytest.fixture
def own_folder(tmp_path: Path, db: None) -> Iterator[None]:
    know_models(Known(MODEL, 1), Known(SEEING, 1, ("completion", "vision")))
    with override_settings(IMAGE_STORAGE_PATH=tmp_path):
        yield


def in_base64(source: SourcePicture) -> str:
    return b64encode(storage.read(source.file)).decode()


def test_a_model_that_sees_gets_the_files_in_base64_in_their_order(answering: Answering, alice: User) -> None:
    first, second = upload(alice, "red"), upload(alice, "blue")
    sent = answering.answer(alice, "What is it?", second, first, model_name=SEEING)
    images = [in_base64(second), in_base64(first)]
    assert answering.messages == [{"role": "user", "content": "What is it?", "images": images}]
    assert sent.answer.notices == []


def test_earlier_pictures_stay_in_the_conversation(answering: Answering, alice: User) -> None:
    source = upload(alice)
    chat = answering.answer(alice, "What is it?", source, model_name=SEEING).chat
    answering.answer(alice, "Which colour?", chat=chat, model_name=SEEING)
    assert [sorted(message) for message in answering.messages] == [
        ["content", "images", "role"],
        ["content", "role"],
        ["content", "role"],
    ]


def test_a_picture_alone_is_a_message(answering: Answering, alice: User) -> None:
    source = upload(alice)
    sent = answering.answer(alice, "", source, model_name=SEEING)
    assert answering.messages == [{"role": "user", "content": "", "images": [in_base64(source)]}]
    assert str(sent.chat) == "Picture"


def test_a_model_that_cannot_see_gets_a_word_and_the_person_is_told(
    answering: Answering, alice: User
) -> None:
    first, second = upload(alice, "red"), upload(alice, "blue")
    chat = answering.answer(alice, "What is it?", first, second, model_name=SEEING).chat
    sent = answering.answer(alice, "Go on", chat=chat, model_name=MODEL)
    assert answering.messages[0] == {"role": "user", "content": "What is it?\n[picture]\n[picture]"}
    assert sent.answer.notices == ["2 pictures were not sent: this model can't see."]


def test_a_picture_that_came_through_the_api_is_seen_where_it_stands(
    answering: Answering, alice: User
) -> None:
    source = sources.add_to_chat(alice, None, png(), "photo.png")
    assert source.message
    chat = source.message.chat
    answering.answer(alice, "What is it?", chat=chat, model_name=SEEING)
    assert answering.messages[0]["images"] == [in_base64(source)]
    sent = answering.answer(alice, "And now?", chat=Chat.objects.get(), model_name=MODEL)
    assert answering.messages[0] == {"role": "user", "content": "[picture: photo.png]"}
    assert sent.answer.notices == ["1 picture was not sent: this model can't see."]


def test_a_lost_file_is_not_sent_and_the_answer_comes_all_the_same(answering: Answering, alice: User) -> None:
    source = upload(alice)
    storage.path(source.file).unlink()
    answering.answer(alice, "What is it?", source, model_name=SEEING)
    assert answering.messages[0]["images"] == []


def test_the_tokens_of_pictures_teach_nothing_about_bytes(answering: Answering, alice: User) -> None:
    before = LanguageModel(name=SEEING).bytes_per_token
    answering.answer(alice, "word " * 100, upload(alice), model_name=SEEING)
    assert LanguageModel.objects.get(name=SEEING).bytes_per_token == before
    answering.answer(alice, "word " * 100, model_name=SEEING)
    assert LanguageModel.objects.get(name=SEEING).bytes_per_token != before


def test_four_pictures_in_a_small_window_are_sent_whatever_they_may_cost(
    answering: Answering, alice: User
) -> None:
    LanguageModel.objects.create(name=SEEING, num_ctx=2048)
    four = [upload(alice, colour) for colour in ("red", "blue", "green", "gold")]
    chat = answering.answer(alice, "An older message", model_name=SEEING).chat
    sent = answering.answer(alice, "What are these?", *four, chat=chat, model_name=SEEING)
    assert [len(message.get("images", [])) for message in answering.messages] == [4]
    assert sent.answer.numbers["left_out"] == 2


@pytest.mark.parametrize(("budget", "left_out"), [(600, 2), (1000, 0)])
def test_an_older_picture_takes_its_room_in_the_window(budget: int, left_out: int) -> None:
    turns = [Turn("user", "one", pictures=1), Turn("assistant", "two"), Turn("user", "three")]
    assert fit(turns, budget=budget, bytes_per_token=4).left_out == left_out


@pytest.mark.usefixtures("own_folder")
def test_pictures_are_refused_before_a_model_that_cannot_see_and_nothing_is_kept(alice: User) -> None:
    source = upload(alice)
    with pytest.raises(AppError) as refused:
        ask(alice, pictures=[source.pk])
    assert refused.value.code == Code.INVALID
    assert str(refused.value) == f"{BLIND} These can: {SEEING}."
    assert not Chat.objects.exists()

    LanguageModel.objects.create(name=SEEING, label="The painter")
    with pytest.raises(AppError) as refused:
        ask(alice, pictures=[source.pk])
    assert str(refused.value) == f"{BLIND} These can: The painter."

    know_models(Known(MODEL, 1))
    with pytest.raises(AppError) as refused:
        ask(alice, pictures=[source.pk], model_name="")
    assert str(refused.value) == f"{MODEL} can't see pictures, and no model that can is installed."


@pytest.mark.usefixtures("own_folder")
def test_the_chats_own_model_is_asked_whether_it_sees(alice: User) -> None:
    source = upload(alice)
    sent = ask(alice, pictures=[source.pk], model_name=SEEING)
    finish(sent.answer)
    again = ask(alice, chat=Chat.objects.get(), pictures=[source.pk], model_name="")
    assert again.answer.model_name == SEEING


@pytest.mark.usefixtures("own_folder")
def test_nobody_is_called_blind_while_nothing_is_known_of_the_models(alice: User) -> None:
    know_models(Known("other:1b", 1), state=snapshot.DOWN)
    ask(alice, pictures=[upload(alice).pk])
    assert MessagePicture.objects.count() == 1


@pytest.mark.usefixtures("own_folder")
def test_a_strangers_picture_is_not_there_and_nothing_is_kept(alice: User, bob: User) -> None:
    with pytest.raises(AppError) as refused:
        ask(alice, pictures=[upload(bob).pk], model_name=SEEING)
    assert refused.value.code == Code.NOT_FOUND
    assert not Chat.objects.exists()


def send(client: Client, *pictures: object, **more: Any) -> Any:
    return client.post("/chats/send/", {"content": "What?", "pictures": pictures, **more}, headers=FETCH)


@pytest.mark.usefixtures("own_folder")
def test_the_composer_sends_pictures_and_the_thread_shows_them(alice: User, alice_client: Client) -> None:
    source, client_id = upload(alice), str(uuid.uuid4())
    for _ in range(2):  # the same send twice is one message
        told = send(alice_client, source.pk, model=SEEING, client_id=client_id).json()
    assert MessagePicture.objects.count() == 1
    for page in (told["html"], alice_client.get(told["url"]).content.decode()):
        assert f'href="/pictures/sources/{source.pk}/"' in page
        assert 'alt="Picture 1: photo.png"' in page


@pytest.mark.usefixtures("own_folder")
def test_the_composers_nonsense_is_refused(alice: User, bob: User, alice_client: Client) -> None:
    mine = [upload(alice, colour).pk for colour in ("red", "blue", "green", "gold", "teal")]
    assert send(alice_client, *mine, model=SEEING).status_code == 400
    assert send(alice_client, "x", model=SEEING).status_code == 400
    assert send(alice_client, upload(bob).pk, model=SEEING).status_code == 404
    answer = send(alice_client, mine[0], model=MODEL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert answer.json()["error"]["message"].startswith(BLIND)
    assert not Chat.objects.exists()


@pytest.mark.usefixtures("own_folder")
def test_the_picker_tells_the_page_which_models_see(alice_client: Client) -> None:
    page = alice_client.get("/").content.decode()
    assert page.count("data-sees") == 1


def post(client: Client, chat: Chat, **body: Any) -> Any:
    told = {"content": "What?", "stream": False, "model": SEEING, **body}
    return client.post(f"/api/chats/{chat.pk}/messages", told, content_type="application/json")


@pytest.mark.usefixtures("own_folder")
def test_the_api_takes_pictures_and_gives_them_back(alice: User, bob: User, alice_client: Client) -> None:
    source = upload(alice)
    chat = Chat.objects.create(user=alice, updated_at="2026-01-01T00:00Z")
    assert post(alice_client, chat, image_ids=[upload(bob).pk]).status_code == 404
    assert post(alice_client, chat, image_ids=[1, 2, 3, 4, 5]).status_code == 400
    assert post(alice_client, chat, image_ids=[source.pk], model=MODEL).status_code == 400
    assert post(alice_client, chat, content="").status_code == 400

    told = post(alice_client, chat, image_ids=[source.pk], content="").json()
    image = {
        "id": source.pk,
        "url": source.file.url(),
        "width": 256,
        "height": 256,
        "name": "photo.png",
    }
    assert (told["message"]["images"], told["answer"]["images"]) == ([image], [])
    thread = alice_client.get(f"/api/chats/{chat.pk}").json()["messages"]
    assert [message["images"] for message in thread] == [[image], []]
