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
PICTURE_TOKENS = 800  # what a picture costs, more or less: from 256 to 1600, as the model was made
SURE_DROPPED = 1.6  # times more sent than read: no tokenizer errs so far once it has been measured
LEAST_CUT = 0.4  # of the window: what Ollama leaves of a prompt that it cuts by itself
PICTURE = "[picture]"  # for who can't see it


@dataclass(frozen=True)
class Turn:
    """One message as the model sees it: with `pictures` beside it, or `unseen` ones that it can't see."""

    role: str
    content: str
    pictures: int = 0
    message_id: int = 0
    unseen: int = 0

    def as_message(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class Fitted:
    """What is sent; `left_out` older turns are not. `bytes` is the size of what is sent."""

    turns: list[Turn]
    left_out: int
    bytes: int

    @property
    def unseen(self) -> int:
        """Return how many pictures the model can't see."""
        return sum(turn.unseen for turn in self.turns)

    @property
    def has_pictures(self) -> bool:
        return any(turn.pictures for turn in self.turns)


class TooLongError(Exception):
    """Even the newest turn alone is more than the window."""


def prompt_budget(window: int, num_predict: int | None = None, budget: int | None = None) -> int:
    """Return the tokens of a window that the prompt may take.

    A person's `budget` makes the window smaller, a short answer (`num_predict`) leaves more of it.
    """
    usable = min(window, budget) if budget else window
    share = max(LEAST_ANSWER, usable // ANSWER_SHARE)
    return usable - min(share, max(LEAST_ANSWER, num_predict or share))


def count_tokens(turn: Turn, bytes_per_token: float) -> int:
    """Return an estimate of the turn's tokens."""
    return count_words(turn, bytes_per_token) + turn.pictures * PICTURE_TOKENS


def count_words(turn: Turn, bytes_per_token: float) -> int:
    """Return an estimate of the tokens of the turn's text alone."""
    return int(len(turn.content.encode()) / bytes_per_token) + TURN_TOKENS


def in_words(content: str, pictures: int) -> str:
    """Return a message as who can't see reads it."""
    return "\n".join([content, *[PICTURE] * pictures]).strip()


def fit(
    turns: Sequence[Turn], *, budget: int, bytes_per_token: float, keep: int = 1, system: str = ""
) -> Fitted:
    """Return `system` and the newest turns within `budget` tokens, the last `keep` always among them.

    A conversation that is cut begins with a person's turn. Raises TooLongError.
    """
    always = [Turn("system", system)] if system else []
    budget -= sum(count_words(turn, bytes_per_token) for turn in always)
    costs = [count_tokens(turn, bytes_per_token) for turn in turns]
    first, total = len(turns), 0
    while first > 0 and total + costs[first - 1] <= budget:
        first -= 1
        total += costs[first]
    if first > len(turns) - keep:
        # What a picture costs is a guess, and a guess alone keeps no question from being asked.
        first = len(turns) - keep
        if first < 0 or sum(count_words(turn, bytes_per_token) for turn in turns[first:]) > budget:
            raise TooLongError
    while 0 < first < len(turns) - keep and turns[first].role != "user":
        first += 1
    kept = always + list(turns[first:])
    return Fitted(kept, first, sum(len(turn.content.encode()) for turn in kept))


def share_read(sent_bytes: int, prompt_tokens: int, bytes_per_token: float, *, window: int) -> int:
    """Return the share of what was sent that Ollama has read, in per cent; 100 when nothing is missing.

    It is told only what cannot be an estimate's fault: a prompt cut to (almost) the window or to half of it,
    as Ollama's own truncation leaves it, while far more was sent.
    """
    expected = sent_bytes / bytes_per_token
    if prompt_tokens <= 0 or expected < SURE_DROPPED * prompt_tokens or prompt_tokens < window * LEAST_CUT:
        return 100
    return max(1, round(100 * prompt_tokens / expected))
