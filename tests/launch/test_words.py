"""The table of lines that start.py says."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys

import pytest

from launch.words import WORDS
from tests.launch.conftest import ROOT


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_each_line_is_there_in_both_languages_with_the_same_fields(key: str) -> None:
    english, russian = WORDS[key]

    assert english
    assert re.search("[а-яё]", russian, re.IGNORECASE) or not re.search(
        "[a-z]{3}", re.sub("{.*?}", "", english)
    )
    assert _fields(english) == _fields(russian)


def test_each_line_that_the_code_says_is_in_the_table_and_each_in_the_table_is_said() -> None:
    code = "".join(path.read_text() for path in (ROOT / "launch").glob("*.py") if path.name != "words.py")
    said = set(re.findall(r"""(?:say|refuse)\(\s*"(\w+)\"""", code))
    quoted = set(re.findall(r'"(\w+)"', code))

    assert said <= WORDS.keys()
    assert {key for key in WORDS if not key.startswith(("installing_", "failed_"))} <= quoted


@pytest.mark.parametrize(("locale", "said"), [("ru_RU.UTF-8", "Остановлено."), ("en_GB.UTF-8", "Stopped.")])
def test_the_language_is_that_of_the_locale(locale: str, said: str) -> None:
    environment = {**os.environ, "LANG": locale, "LC_ALL": "", "LC_MESSAGES": "", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", "from launch.words import say; print(say('stopped'))"]

    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)

    assert ran.stdout.decode().strip() == said
