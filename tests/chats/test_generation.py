"""An answer under its lease."""

from __future__ import annotations

import threading

import pytest

from accounts.models import User
from gpu import arbiter
from gpu.arbiter import line
from live.redis import client
from tests.chats.desk import Desk
from tests.standins.ollama_script import Script

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_answer_whose_lease_was_lost_unheard_waits_for_the_card_again(desk: Desk, alice: User) -> None:
    desk.ollama.script(Script(tokens=["under the old lease"], first_byte_after=0.5))

    def lose() -> None:
        desk.ollama.wait_for(lambda: desk.ollama.chats, 20)
        card = arbiter.read()
        card.leases = []
        client().set(line.card_key(), card.to_json())

    loss = threading.Thread(target=lose)
    loss.start()
    desk.ollama.script(Script(tokens=["old no more"]))
    answer = desk.ask(alice, "What is up?")
    loss.join()
    assert len(desk.ollama.chats) == 2
    assert (answer.status, answer.content) == ("complete", "old no more")
