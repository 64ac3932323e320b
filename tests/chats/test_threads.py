"""The tree keeps its invariants, whatever is edited, branched off, deleted and brought back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from chats import editing
from chats.models import Chat, Message
from chats.threads import Branch, Node, Tree, read_thread, read_tree
from tests.chats.conversation import answered_chat, ask, finish

places = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 14)), st.booleans()), min_size=1, max_size=14
).map(
    lambda rows: [
        Node(at + 1, above % at + 1 if above is not None and at else None, gone)
        for at, (above, gone) in enumerate(rows)
    ]
)


@given(places)
def test_every_living_message_is_on_the_way_to_where_its_branch_ends(nodes: list[Node]) -> None:
    tree = Tree(nodes)
    for node in nodes:
        if not node.gone:
            way = tree.way(tree.newest_leaf(node.id))
            assert node.id in way
            assert all(tree.parent(child) == above for above, child in pairwise(way))
            assert tree.parent(way[0]) is None


@given(places)
def test_each_living_message_is_one_of_its_siblings_once(nodes: list[Node]) -> None:
    tree = Tree(nodes)
    living = [node.id for node in nodes if not node.gone]
    counted = [child for above in [None, *living] for child in tree.children(above)]
    assert sorted(counted) == sorted(living)
    for identity in living:
        branch = tree.branch(identity)
        siblings = tree.children(tree.parent(identity))
        assert siblings[branch.position - 1] == identity
        assert branch.count == len(siblings)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.one_of(st.none(), st.integers(0, 6)), st.booleans()), max_size=8)
)
def test_rows_that_go_round_in_a_circle_end_every_walk(rows: list[tuple[int, int | None, bool]]) -> None:
    tree = Tree([Node(*row) for row in rows])
    for identity in range(8):
        tree.way(identity)
        tree.parent(identity)
        tree.children(identity)
        tree.branch(identity)
        tree.newest_leaf(identity)


def test_a_deleted_message_is_read_past() -> None:
    tree = Tree([Node(1, None), Node(2, 1, gone=True), Node(3, 2), Node(4, 1)])
    assert tree.way(3) == [1, 3]
    assert tree.parent(3) == 1
    assert tree.branch(3) == Branch(position=1, count=2, before=None, after=4, asked=False)
    assert tree.branch(4).asked


class Watched(Node):
    """A place that counts how often anybody has looked at one."""

    looks = 0

    def __getattribute__(self, name: str) -> object:
        Watched.looks += name == "gone"
        return super().__getattribute__(name)


def test_all_places_of_a_long_thread_are_found_in_a_few_looks_each() -> None:
    tree = Tree([Watched(1, None), *(Watched(identity, identity - 1) for identity in range(2, 1001))])
    assert {tree.branch(identity).count for identity in tree.way(1000)} == {1}
    assert Watched.looks < 10_000


STEPS: dict[str, Callable[[Message], object]] = {
    "edit": lambda message: editing.edit_message(message, content="changed"),
    "resend": lambda message: _resend(message),
    "delete": editing.delete_message,
    "restore": editing.restore_message,
    "branch": lambda message: None if message.deleted_at else editing.choose_branch(message),
}


def _resend(message: Message) -> None:
    if message.is_answer or message.deleted_at:
        return
    finish(editing.resend_message(message, content="in other words", model_name="m").answer)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 30)), max_size=12))
def test_random_edits_branches_and_deletes_lose_nothing(alice: User, steps: list[tuple[str, int]]) -> None:
    chat = answered_chat(alice, turns=3)
    for step, at in steps:
        messages = list(Message.objects.filter(chat=chat).order_by("pk"))
        STEPS[step](messages[at % len(messages)])
    chat.refresh_from_db()
    tree = read_tree(chat)
    living = set(Message.objects.filter(chat=chat, deleted_at=None).values_list("pk", flat=True))
    reachable = {pk for root in tree.children(None) for pk in _below(tree, root)}
    assert reachable == living
    thread = read_thread(chat)
    assert bool(thread) == bool(living)
    assert all(message.deleted_at is None for message in thread)
    assert len({message.pk for message in thread}) == len(thread)


def _below(tree: Tree, identity: int) -> set[int]:
    return {identity}.union(*(_below(tree, child) for child in tree.children(identity)))


@pytest.mark.django_db
def test_reading_a_thread_takes_two_queries_and_one_for_the_chat_however_long_it_is(
    alice: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    chat = answered_chat(alice, turns=5)
    with django_assert_num_queries(3):  # type: ignore[attr-defined]
        thread = read_thread(Chat.objects.get(pk=chat.pk))
        assert [message.branch.count for message in thread if message.branch] == [1] * 10


@pytest.mark.django_db
def test_a_thread_ends_where_it_is_asked_to(alice: User) -> None:
    sent = ask(alice)
    finish(sent.answer)
    assert read_thread(sent.chat, upto=sent.message) == [sent.message]
