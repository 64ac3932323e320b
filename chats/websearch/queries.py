"""What to search for: written by the model from the last turns, or the question itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chats.context import Turn
from chats.structured import Json

MOST = 2  # queries of one answer
LONGEST = 200  # characters of a query
TURNS = 6  # that the model is shown
READ = 1200  # characters of each
SCHEMA: Json = {
    "type": "object",
    "properties": {"queries": {"type": "array", "items": {"type": "string"}, "maxItems": MOST}},
    "required": ["queries"],
}
NEEDED = "If no search could help the answer, give an empty list."
WANTED = "The person has asked for a search: give at least one query."


def speaks_for_itself(turns: Sequence[Turn]) -> str:
    """Return a first question that is a query as it stands, "" when it must be understood from the rest."""
    questions = [turn.content for turn in turns if turn.role == "user"]
    plain = len(turns) == 1 and len(questions) == 1 and len(questions[0]) <= LONGEST
    return " ".join(questions[0].split()) if plain else ""


def last_question(turns: Sequence[Turn]) -> str:
    """Return the newest question as a query, cut."""
    questions = [turn.content for turn in turns if turn.role == "user"]
    return " ".join(questions[-1].split())[:LONGEST] if questions else ""


def messages(turns: Sequence[Turn], *, today: date, wanted: bool) -> list[Json]:
    """Return what the model is asked."""
    talk = "\n\n".join(f"{turn.role}: {turn.content[:READ]}" for turn in turns[-TURNS:])
    instruction = (
        f"Today is {today.isoformat()}. Write one or two short web search queries that would find what is"
        " needed to answer the person's last message: the first in the person's language, the second in"
        f" English if that could find more. {WANTED if wanted else NEEDED}"
        ' Answer with JSON: {"queries": ["..."]}'
    )
    return [
        {"role": "system", "content": instruction},
        {"role": "user", "content": f"The conversation:\n\n{talk}\n\n{instruction}"},
    ]


def check(data: Json) -> Json:
    """Return the queries as they are sent. Raises ValueError for what is no list of words."""
    queries = data["queries"]
    if not isinstance(queries, list) or not all(isinstance(query, str) for query in queries):
        raise ValueError(queries)
    tidy = [" ".join(query.split())[:LONGEST] for query in queries]
    unique = list(dict.fromkeys(query for query in tidy if query))
    return {"queries": unique[:MOST]}
