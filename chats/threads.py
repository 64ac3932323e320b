"""The tree of a chat's messages, and the way through it to where the chat stands.

A deleted message stays in the tree until it is purged; the thread closes over the gap by
reading past it, so that bringing it back is one field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from chats.models import Chat, Message


@dataclass(frozen=True)
class Node:
    """A message's place: its parent's id (None: a root), and whether it was deleted."""

    id: int
    parent_id: int | None
    gone: bool = False


@dataclass(frozen=True)
class Branch:
    """Where a message stands among its siblings; `before` and `after` are ids, None at an end.

    `asked`: whether the message that it was written under is still there.
    """

    position: int
    count: int
    before: int | None
    after: int | None
    asked: bool = True


class Tree:
    """Rules over the places alone. Whatever the rows say, every walk ends."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._children: dict[int | None, list[int]] = defaultdict(list)
        for node in sorted(self._nodes.values(), key=lambda node: node.id):
            parent = node.parent_id if node.parent_id in self._nodes else None
            self._children[parent].append(node.id)

    def way(self, leaf: int | None) -> list[int]:
        """Return the living messages from the root to `leaf`."""
        found: list[int] = []
        seen: set[int] = set()
        while leaf is not None and leaf not in seen and (node := self._nodes.get(leaf)):
            seen.add(leaf)
            if not node.gone:
                found.append(leaf)
            leaf = node.parent_id
        return found[::-1]

    def parent(self, identity: int) -> int | None:
        """Return the nearest living ancestor; None above a root."""
        node, seen = self._nodes.get(identity), set[int]()
        while node and node.parent_id is not None and node.parent_id not in seen:
            seen.add(node.parent_id)
            node = self._nodes.get(node.parent_id)
            if node and not node.gone:
                return node.id
        return None

    def children(self, identity: int | None) -> list[int]:
        """Return the living messages that follow, oldest first; a deleted one's own count as its parent's."""
        found: list[int] = []
        waiting, seen = list(self._children[identity]), set[int]()
        while waiting:
            child = waiting.pop()
            if child in seen:
                continue
            seen.add(child)
            if self._nodes[child].gone:
                waiting += self._children[child]
            else:
                found.append(child)
        return sorted(found)

    def branch(self, identity: int) -> Branch:
        """Return the message's place among its siblings."""
        node, parent = self._nodes.get(identity), self.parent(identity)
        siblings = self.children(parent)
        at = siblings.index(identity) if identity in siblings else 0
        return Branch(
            position=at + 1,
            count=max(1, len(siblings)),
            before=siblings[at - 1] if at else None,
            after=siblings[at + 1] if at + 1 < len(siblings) else None,
            asked=node is not None and parent is not None and node.parent_id == parent,
        )

    def newest_leaf(self, identity: int) -> int:
        """Return where a branch ends, following the newest message at each fork."""
        seen = {identity}
        while following := [child for child in self.children(identity) if child not in seen]:
            identity = following[-1]
            seen.add(identity)
        return identity


def read_tree(chat: Chat) -> Tree:
    """Return the chat's tree in one query, without the texts."""
    rows = Message.objects.filter(chat=chat).values_list("pk", "parent_id", "deleted_at")
    return Tree(Node(pk, parent_id, deleted_at is not None) for pk, parent_id, deleted_at in rows)


def read_thread(chat: Chat, *, upto: Message | None = None, tree: Tree | None = None) -> list[Message]:
    """Return the messages from the root to `upto` (else the chat's leaf), in two queries at most.

    Each carries its `branch`, the place among its siblings.
    """
    tree = tree or read_tree(chat)
    way = tree.way(upto.pk if upto else chat.leaf_id)
    return read_messages(chat, tree, way)


def read_messages(chat: Chat, tree: Tree, identities: list[int]) -> list[Message]:
    """Return these messages of the chat in this order, each with its `branch`."""
    by_id = Message.objects.filter(chat=chat).in_bulk(identities)
    for message in by_id.values():
        message.chat = chat
        message.branch = tree.branch(message.pk)
    return [by_id[identity] for identity in identities if identity in by_id]
