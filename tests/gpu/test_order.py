"""Who is next on the card, a sentence at a time."""

from __future__ import annotations

import pytest

from gpu.arbiter.order import POLICIES, used_ms
from gpu.arbiter.state import (
    CHAT,
    COMFYUI,
    DRAW,
    IDLE,
    THINK,
    Card,
    Rules,
    Used,
)
from tests.gpu.table import ALICE, BOB, CAROL, NOW, Table


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("fifo", [1, 2, 3, 4, 5]),
        ("strict", [1, 3, 5, 2, 4]),  # ComfyUI keeps the card while pictures come
        ("household", [1, 3, 2, 4, 5]),
    ],
)
def test_each_policy_has_its_order(policy: str, order: list[int]) -> None:
    table = Table(policy=policy)
    for stage in (CHAT, CHAT, DRAW, CHAT, DRAW):
        table.ask(stage)
    assert table.served() == order


def test_one_picture_runs_then_the_chats_that_wait_then_the_next_picture() -> None:
    table = Table()
    for stage, user in ((DRAW, ALICE), (DRAW, BOB), (CHAT, CAROL), (CHAT, ALICE)):
        table.ask(stage, user)
    assert table.served() == [1, 3, 4, 2]


def test_a_chat_that_comes_after_the_picture_does_not_push_the_next_picture_back() -> None:
    table = Table()
    table.ask(DRAW)
    table.ask(DRAW)
    table.ask(CHAT)
    table.switch()
    table.end()
    table.switch()
    assert table.running == [3]
    table.ask(CHAT, BOB)
    table.end()
    assert table.switching() == COMFYUI


def test_with_no_chat_waiting_pictures_follow_each_other_without_a_switch() -> None:
    table = Table(resident=COMFYUI)
    for _ in range(3):
        table.ask(DRAW)
    for row in (1, 2, 3):
        assert table.running == [row]
        table.end()
    assert table.switching() is None


def test_the_words_of_pictures_go_before_the_switch_up_to_a_batch() -> None:
    table = Table(think_batch=2)
    table.ask(CHAT)
    table.ask(DRAW)
    for _ in range(3):
        table.ask(THINK)
    table.end()
    assert table.running == [3]
    table.end()
    assert table.running == [4]
    table.end()
    assert table.switching() == COMFYUI
    assert table.waiting == [2, 5]


def test_words_wait_for_a_batch_of_pictures_once_comfyui_has_the_card() -> None:
    table = Table(resident=COMFYUI, think_batch=2)
    for stage in (DRAW, DRAW, DRAW, THINK):
        table.ask(stage)
    assert table.served() == [1, 2, 4, 3]


def test_a_picture_goes_before_a_chat() -> None:
    table = Table()
    table.ask(CHAT)
    table.ask(CHAT, BOB)
    table.ask(THINK, CAROL)
    table.end()
    assert table.running == [3]


def test_who_used_less_of_the_card_lately_is_next() -> None:
    table = Table()
    table.card.used = {str(ALICE): Used(60_000, NOW), str(BOB): Used(5_000, NOW)}
    table.ask(CHAT, CAROL)
    table.ask(CHAT, ALICE)
    table.ask(CHAT, BOB)
    assert table.served() == [1, 3, 2]


def test_what_was_used_counts_half_after_an_hour() -> None:
    card = Card(used={"1": Used(8_000, NOW)})
    ticks = (0, 3_600_000, 7_200_000)
    assert [used_ms(card, 1, NOW + later, Rules()) for later in ticks] == [8_000, 4_000, 2_000]
    assert used_ms(card, 2, NOW, Rules()) == 0


def test_a_second_waited_pays_for_a_second_used() -> None:
    table = Table()
    table.card.used = {str(ALICE): Used(30_000, NOW)}
    table.ask(CHAT, BOB)
    table.ask(CHAT, ALICE)
    table.now += 14_000
    table.do("renew", held=[])
    table.ask(CHAT, CAROL, row=7)
    table.now += 17_000  # both wait on; the difference between them stays
    assert POLICIES["household"](table.card, table.card.tickets, table.now, table.rules).row_id == 7  # type: ignore[union-attr]
    table.card.tickets[0].at -= 20_000
    assert POLICIES["household"](table.card, table.card.tickets, table.now, table.rules).row_id == 2  # type: ignore[union-attr]


def test_an_answer_comes_after_each_batch_of_words_when_both_services_fit_the_card() -> None:
    table = Table(handoff="shared", think_batch=2)
    table.ask(THINK)
    table.ask(CHAT)
    for _ in range(4):
        table.ask(THINK, BOB)
    order = table.served()
    assert order.index(2) == 3


def test_titles_wait_until_nothing_else_does_and_only_for_a_resident_ollama() -> None:
    table = Table()
    table.ask(CHAT)
    table.ask(IDLE)
    table.ask(CHAT, BOB)
    assert table.served() == [1, 3, 2]
    away = Table(resident=COMFYUI, restore=False)
    away.ask(IDLE)
    assert away.running == []
    assert away.switching() is None
