"""What a model is shown of a conversation: rules only, no database and no network.

Ollama cuts silently what is too long. Here nothing is cut in silence: the newest
turns that fit are sent, and how many older ones were not is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TURN_TOKENS = 8  # what a template adds around each message
LEAST_ANSWER = 256  # tokens kept free for the answer, at least
ANSWER_SHARE = 4  # a quarter of the window belongs to the answer


@dataclass(frozen=True)
class Turn:
    """One message as the model sees it."""

    role: str
    content: str

    def as_message(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class Fitted:
    """What is sent; `left_out` older turns are not. `bytes` is the size of what is sent."""

    turns: list[Turn]
    left_out: int
    bytes: int


class TooLongError(Exception):
    """Even the newest turn alone is more than the window."""


def prompt_budget(window: int) -> int:
    """Return the tokens of a window that the prompt may take."""
    return window - max(LEAST_ANSWER, window // ANSWER_SHARE)


def count_tokens(turn: Turn, bytes_per_token: float) -> int:
    """Return an estimate of the turn's tokens."""
    return int(len(turn.content.encode()) / bytes_per_token) + TURN_TOKENS


def fit(turns: Sequence[Turn], *, budget: int, bytes_per_token: float, keep: int = 1) -> Fitted:
    """Return the newest turns within `budget` tokens, the last `keep` always among them.

    A conversation that is cut begins with a person's turn. Raises TooLongError.
    """
    costs = [count_tokens(turn, bytes_per_token) for turn in turns]
    first, total = len(turns), 0
    while first > 0 and total + costs[first - 1] <= budget:
        first -= 1
        total += costs[first]
    if first > len(turns) - keep:
        raise TooLongError
    while 0 < first < len(turns) - keep and turns[first].role != "user":
        first += 1
    kept = list(turns[first:])
    return Fitted(kept, first, sum(len(turn.content.encode()) for turn in kept))
