from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from live import log
from live.redis import client
from live.tail import Mailbox, Tail, follow, order, tail
from tests.live.reading import text, without_seq, write

WAIT = 30.0
END: log.Frame = {"type": "end", "status": "complete"}
Story = Callable[[Tail], Awaitable[None]]


def play(story: Story) -> None:
    """Run the story in a loop of its own, with a tail that is closed at its end."""

    async def run() -> None:
        reader = Tail()
        try:
            await story(reader)
        finally:
            await close(reader)

    asyncio.run(run())


async def close(reader: Tail) -> None:
    reader._streams.clear()
    if reader._reader and not reader._reader.done():
        await reader._wake()
        await reader._reader
    if reader._connection:
        await reader._connection.disconnect()
    await reader._redis.aclose()


async def join(reader: Tail, mailbox: Mailbox, after: str = "0", *, identity: int = 1) -> None:
    await reader.join(
        mailbox,
        stream=log.stream_key("message", identity),
        kind="message",
        identity=identity,
        after=after,
    )


async def hear(mailbox: Mailbox, until: str = "end") -> list[log.Frame]:
    """Return the frames up to the first of this type."""
    heard: list[log.Frame] = []
    async with asyncio.timeout(WAIT):
        while not heard or heard[-1]["type"] != until:
            for frame in await mailbox.take():
                log.add_frame(heard, frame)
    return heard


def words(frames: list[log.Frame]) -> str:
    return "".join(frame["text"] for frame in frames if frame["type"] == "text")


@pytest.mark.parametrize(
    ("lower", "higher"), [("9-0", "10-0"), ("1-9", "1-10"), ("0", "0-1"), ("5", "5-1"), ("", "1-0")]
)
def test_seqs_sort_as_numbers(lower: str, higher: str) -> None:
    assert order(lower) < order(higher)


def test_what_was_told_before_comes_as_one_piece_under_the_followers_name() -> None:
    write(1, text(0, "The "), text(4, "sky "), text(8, "is"), END)

    async def story(reader: Tail) -> None:
        mailbox = Mailbox()
        await join(reader, mailbox)
        frames = await hear(mailbox)
        assert [without_seq(frame) for frame in frames] == [
            {"kind": "message", "id": 1, **text(0, "The sky is")},
            {"kind": "message", "id": 1, **END},
        ]

    play(story)


def test_what_is_told_later_follows_without_a_gap() -> None:
    write(1, text(0, "The "))

    async def story(reader: Tail) -> None:
        mailbox = Mailbox()
        await join(reader, mailbox)
        assert words(await hear(mailbox, "text")) == "The "
        write(1, text(4, "sky"), END)
        assert words(await hear(mailbox)) == "sky"

    play(story)


def test_who_comes_back_gets_only_what_is_new() -> None:
    first, second = write(1, text(0, "The "), text(4, "sky"))
    write(1, text(7, "!"), END)

    async def story(reader: Tail) -> None:
        for after, rest in ((first, "sky!"), (second, "!")):
            mailbox = Mailbox()
            await join(reader, mailbox, after)
            assert words(await hear(mailbox)) == rest

    play(story)


def test_who_joins_a_stream_that_is_read_already_gets_each_frame_once() -> None:
    async def story(reader: Tail) -> None:
        mailboxes = [Mailbox()]
        await join(reader, mailboxes[0])
        for number in range(30):
            write(1, text(number * 3, f"{number:02} "))
            if number % 10 == 5:
                mailboxes.append(Mailbox())
                await join(reader, mailboxes[-1])
            await asyncio.sleep(0)
        write(1, END)
        for mailbox in mailboxes:
            frames = await hear(mailbox)
            assert words(frames) == "".join(f"{number:02} " for number in range(30))
            assert [frame["type"] for frame in frames] == ["text", "end"]

    play(story)


def test_a_read_that_begins_before_a_replays_end_brings_only_what_is_new() -> None:
    stream = log.stream_key("message", 1)

    async def story(reader: Tail) -> None:
        early, late = Mailbox(), Mailbox()
        reader._reader = asyncio.create_task(asyncio.sleep(0))  # nobody reads but this story
        await join(reader, early)
        write(1, text(0, "a"), text(1, "b"))
        await join(reader, late)  # its replay is ahead of the shared read, which has not read yet
        write(1, text(2, "c"), END)
        reader._streams = {stream: reader._streams[stream]}
        await reader._read_once()
        assert words(await hear(early)) == "abc"
        assert words(await hear(late)) == "abc"
        await reader._reader

    play(story)


def test_what_the_shared_read_brings_during_a_replay_comes_after_it_and_once() -> None:
    seqs = write(1, text(0, "a"), text(1, "b"), text(2, "c"))
    frames = log.read_frames(client().xrange(log.stream_key("message", 1)))
    assert frames[0]["seq"] == seqs[2]

    async def story(reader: Tail) -> None:
        mailbox = Mailbox()
        following = await reader.join(mailbox, stream="none", kind="message", identity=1, after="0")
        following.held = []
        following.deliver({**text(2, "c"), "seq": seqs[2]})
        (late,) = write(1, text(3, "d"))
        following.deliver({**text(3, "d"), "seq": late})
        following.release(frames)
        assert words(await mailbox.take()) == "abcd"

    play(story)


def test_one_follower_of_two_answers_gets_them_apart() -> None:
    write(1, text(0, "one"), END)
    write(2, text(0, "two"), END)

    async def story(reader: Tail) -> None:
        mailbox = Mailbox()
        await join(reader, mailbox, identity=1)
        await join(reader, mailbox, identity=2)
        heard: dict[int, str] = {}
        async with asyncio.timeout(WAIT):
            while heard != {1: "one", 2: "two"}:
                for frame in await mailbox.take():
                    heard[frame["id"]] = heard.get(frame["id"], "") + frame.get("text", "")

    play(story)


def test_who_has_left_hears_nothing_more() -> None:
    async def story(reader: Tail) -> None:
        gone, here = Mailbox(), Mailbox()
        following = await reader.join(
            gone, stream=log.stream_key("message", 1), kind="message", identity=1, after="0"
        )
        await join(reader, here)
        reader.leave(following)
        reader.leave(following)
        write(1, text(0, "secret"), END)
        await hear(here)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gone.take(), 0.05)

    play(story)


def test_without_history_only_news_come_and_the_place_is_told() -> None:
    *_, newest = write(1, text(0, "old"))

    async def story(reader: Tail) -> None:
        mailbox = Mailbox()
        await reader.join(
            mailbox,
            stream=log.stream_key("message", 1),
            kind="user",
            identity="me",
            after="0",
            history=False,
        )
        write(1, {"type": "title", "chat": 1})
        joined, news = await hear(mailbox, "title")
        assert joined == {"kind": "user", "id": "me", "type": "joined", "seq": newest}
        assert (news["type"], news["chat"]) == ("title", 1)

    play(story)


def test_a_mailbox_joins_what_waits_and_is_empty_once_taken() -> None:
    async def story(_reader: Tail) -> None:
        mailbox = Mailbox()
        for place, letter in enumerate("abc"):
            mailbox.put({**text(place, letter), "kind": "message", "id": 1, "seq": f"1-{place}"})
        (frame,) = await mailbox.take()
        assert (frame["text"], frame["seq"]) == ("abc", "1-2")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mailbox.take(), 0.02)

    play(story)


def test_following_ends_with_the_answer() -> None:
    write(1, text(0, "The sky"), END)

    async def heard() -> list[log.Frame | None]:
        stream = log.stream_key("message", 1)
        found = [
            frame async for frame in follow(stream=stream, kind="message", identity=1, after="0", user_id=7)
        ]
        await close(tail())
        return found

    frames = asyncio.run(heard())
    assert [frame["type"] for frame in frames if frame] == ["text", "end"]
