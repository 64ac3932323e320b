"""What language models are told: reviewed files with worked examples, read as messages.

A file is a conversation under headings `# system`, `# user` and `# assistant`. What people
and other models wrote goes into the last `user` message as one JSON object, and the rules
say that it is material: words in it that sound like orders are part of the wish.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
HEADING = re.compile(r"^# (system|user|assistant)$", re.MULTILINE)
NAMES = ("prompt", "change", "settings", "look", "translate")


@cache
def read(name: str) -> tuple[dict[str, str], ...]:
    """Return a file's messages: the rules, then questions with their worked answers."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    _before, *parts = HEADING.split(text)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return tuple({"role": role, "content": content.strip()} for role, content in pairs)


def ask(name: str, **data: Any) -> list[dict[str, Any]]:
    """Return the file's messages and a question about `data`."""
    question = {"role": "user", "content": json.dumps(data, ensure_ascii=False)}
    return [*(dict(message) for message in read(name)), question]
