"""Pictures beside messages: who sees them, and how long they stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.errors import AppError, Code
from accounts.models import User
from chats import editing, managing, sending
from chats.attachments import copy_pictures, read_pictures, show_pictures
from chats.models import Chat, Message
from imaging import beside, ordering, sources, storage, sweep
from imaging.models import MessagePicture, SourcePicture, StoredFile
from tests.chats.conversation import finish, know_models
from tests.imaging.studio import png, upload

LONG = timedelta(days=31)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Any, db: None) -> Any:
    know_models()
    with override_settings(IMAGE_STORAGE_PATH=tmp_path):
        yield


def message_with(user: User, *pictures: SourcePicture) -> Message:
    """Return a person's message with these pictures beside it, answered."""
    sent = sending.send_message(None, author=user, content="What is this?")
    finish(sent.answer)
    beside.attach(sent.message, [picture.pk for picture in pictures], user)
    return sent.message


def shown(*messages: Message) -> list[list[int]]:
    show_pictures(messages)
    return [[picture.id for picture in message.pictures] for message in messages]


def grow_old() -> None:
    """Have everything been uploaded a month ago."""
    SourcePicture.objects.update(created_at=timezone.now() - LONG)
    StoredFile.objects.update(created_at=timezone.now() - LONG)


def status(client: Client, url: str) -> int:
    response = client.get(url)
    assert response.getvalue()
    return int(response.status_code)


def test_pictures_stand_in_the_order_in_which_they_were_put_and_each_once(alice: User) -> None:
    first, second = upload(alice, "red"), upload(alice, "blue")
    message = message_with(alice, second, first, second)
    assert shown(message) == [[second.pk, first.pk]]
    assert read_pictures(message.pk) == [storage.read(second.file), storage.read(first.file)]
    picture = message.pictures[0]
    assert (picture.name, picture.width, picture.height) == ("photo.png", 256, 256)
    assert picture.url == second.file.url()


def test_a_strangers_picture_is_not_there_and_neither_is_one_that_was_deleted(alice: User, bob: User) -> None:
    message, his, gone = message_with(alice), upload(bob), upload(alice, "red")
    ordering.delete_source(gone)
    for wanted in ([his.pk], [gone.pk], [10**9], [upload(alice, "blue").pk, his.pk]):
        with pytest.raises(AppError) as refused:
            beside.attach(message, wanted, alice)
        assert refused.value.code == Code.NOT_FOUND
    assert not MessagePicture.objects.exists()


def test_the_queries_do_not_grow_with_messages(alice: User) -> None:
    messages = [message_with(alice, upload(alice, "red"), upload(alice, "blue")) for _ in range(3)]
    with CaptureQueriesContext(connection) as one:
        shown(messages[0])
    with CaptureQueriesContext(connection) as all_:
        assert len(shown(*messages)) == 3
    assert len(one) == len(all_)


def test_a_picture_that_came_as_a_message_of_its_own_is_beside_that_message(alice: User) -> None:
    source = sources.add_to_chat(alice, None, png(), "photo.png")
    assert source.message
    assert shown(source.message) == [[source.pk]]
    copy = message_with(alice)
    copy_pictures(source.message, copy)
    assert shown(copy) == [[source.pk]]


def test_a_file_that_the_disk_has_lost_is_left_out(alice: User) -> None:
    kept, lost = upload(alice, "red"), upload(alice, "blue")
    message = message_with(alice, lost, kept)
    storage.path(lost.file).unlink()
    assert read_pictures(message.pk) == [storage.read(kept.file)]


def test_a_message_sent_again_and_a_forked_chat_have_the_same_pictures(alice: User) -> None:
    source = upload(alice)
    message = message_with(alice, source)
    again = editing.resend_message(message, content="And now?")
    finish(again.answer)
    fork = editing.fork_chat(message)
    assert shown(again.message, Message.objects.get(chat=fork)) == [[source.pk], [source.pk]]


def test_the_owner_sees_the_file_and_its_page_and_nobody_else_does(
    alice: User, alice_client: Client, bob_client: Client
) -> None:
    source = upload(alice)
    message_with(alice, source)
    page = f"/pictures/sources/{source.pk}/"
    for url in (source.file.url(), source.thumb_url, page):
        assert status(alice_client, url) == 200
        assert status(bob_client, url) == 404
    assert Client().get(page).status_code == 302
    assert b"photo.png" in alice_client.get(page).content


def test_a_deleted_upload_stays_where_a_message_shows_it(
    alice: User, alice_client: Client, bob_client: Client
) -> None:
    source = upload(alice)
    message = message_with(alice, source)
    grow_old()
    SourcePicture.objects.update(deleted_at=timezone.now() - LONG)
    sweep.clear_files()
    for url in (source.file.url(), f"/pictures/sources/{source.pk}/"):
        assert status(alice_client, url) == 200
        assert status(bob_client, url) == 404
    assert shown(message) == [[source.pk]]

    editing.delete_message(message)
    assert status(alice_client, source.file.url()) == 404
    editing.restore_message(message)
    assert status(alice_client, source.file.url()) == 200


def test_a_deleted_chat_that_is_brought_back_has_its_pictures(alice: User, alice_client: Client) -> None:
    source = upload(alice)
    message = message_with(alice, source)
    grow_old()
    managing.delete_chats(alice, [message.chat.pk])
    sweep.clear_files()
    Chat.objects.update(deleted_at=None)
    assert shown(message) == [[source.pk]]
    assert status(alice_client, source.file.url()) == 200


def test_a_purged_chat_takes_its_pictures_along_but_not_those_that_others_show(alice: User) -> None:
    alone, shared = upload(alice, "red"), upload(alice, "blue")
    purged, kept = message_with(alice, alone, shared), message_with(alice, shared)
    grow_old()
    purged.chat.delete()
    sweep.clear_files()
    assert list(SourcePicture.objects.all()) == [shared]
    assert not storage.path(alone.file).exists()
    assert read_pictures(kept.pk) == [storage.read(shared.file)]


def test_an_upload_that_was_never_used_goes_after_thirty_days_and_starts_anew_when_it_comes_again(
    alice: User,
) -> None:
    sources.add_source(alice, png("red"))
    again = sources.add_source(alice, png("blue"))
    grow_old()
    sources.add_source(alice, png("blue"))
    sweep.clear_files()
    assert list(SourcePicture.objects.all()) == [again]
    assert StoredFile.objects.count() == 1
