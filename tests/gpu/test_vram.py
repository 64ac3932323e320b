"""The real pynvml over a compiled stand-in for NVIDIA's library, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu import vram
from tests.standins import nvml

pytestmark = pytest.mark.skipif(
    "compiler" in os.environ.get("OC_LEFT_OUT", "").split(","), reason="there is no C compiler here"
)

ROOT = Path(__file__).resolve().parents[2]
READER = """
import dataclasses, json, logging, sys
logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
from gpu import vram
for line in sys.stdin:
    card = vram.read_card()
    why = vram.why_not()
    print(json.dumps([card and dataclasses.asdict(card), why.code if why else ""]), flush=True)
"""
GB = 10**9
CARD = ("name NVIDIA GeForce RTX 4090", f"total {24 * GB}", f"free {6 * GB}", "util 37", "temp 61")
TWO = (f"process 4001 {13 * GB} /usr/local/bin/ollama", f"process 4002 {4 * GB} C:\\Games\\witcher3.exe")


class Reading:
    """A process that reads the card each time it is asked."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", READER],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read(self, *facts: str) -> tuple[dict[str, Any] | None, str]:
        """Return the card and why there is none, after the card has become so."""
        if facts:
            nvml.tell(self.folder, facts)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("look\n")
        self.process.stdin.flush()
        card, reason = json.loads(self.process.stdout.readline())
        return card, reason

    def end(self) -> str:
        """Return what it has logged."""
        return self.process.communicate(timeout=60)[1]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def reading(library: dict[str, str], tmp_path: Path) -> Iterator[Reading]:
    reader = Reading(tmp_path, library | {"NVML_STANDIN": str(tmp_path / "facts")})
    yield reader
    if reader.process.poll() is None:
        reader.end()


def test_memory_use_and_processes_are_read(reading: Reading) -> None:
    card, reason = reading.read(*CARD, *TWO)
    assert reason == ""
    assert card == {
        "name": "NVIDIA GeForce RTX 4090",
        "total": 24 * GB,
        "used": 18 * GB,
        "free": 6 * GB,
        "utilization": 37,
        "temperature": 61,
        "processes": [
            {"pid": 4001, "name": "ollama", "used": 13 * GB},
            {"pid": 4002, "name": "witcher3.exe", "used": 4 * GB},
        ],
    }


def test_a_change_is_seen_at_the_next_look(reading: Reading) -> None:
    reading.read(*CARD)
    card, _ = reading.read(*CARD, f"free {20 * GB}")
    assert card
    assert (card["used"], card["free"]) == (4 * GB, 20 * GB)


def test_windows_does_not_tell_what_a_process_holds(reading: Reading) -> None:
    card, _ = reading.read(*CARD, "process 4001 -1 C:\\Program Files\\Ollama\\ollama.exe")
    assert card
    assert card["processes"] == [{"pid": 4001, "name": "ollama.exe", "used": None}]


@pytest.mark.parametrize("function", ["util", "temp", "name", "processes"])
def test_what_a_card_does_not_tell_is_left_out(reading: Reading, function: str) -> None:
    not_supported = 3
    card, reason = reading.read(*CARD, *TWO, f"error {function} {not_supported}")
    assert reason == ""
    assert card
    assert card["free"] == 6 * GB
    missing = {"util": "utilization", "temp": "temperature", "name": "name", "processes": "processes"}[
        function
    ]
    assert not card[missing]


def test_a_process_without_a_name_in_nvml_is_named_by_the_system(reading: Reading) -> None:
    facts = (*CARD, f"process {reading.process.pid} {GB} hidden", "process 999999999 1 gone")
    card, _ = reading.read(*facts, "error process_name 4")
    assert card
    first, second = card["processes"]
    assert first["name"].startswith("python")
    assert second["name"] == ""


def test_what_the_driver_reserves_is_not_there_for_anybody(reading: Reading) -> None:
    card, _ = reading.read(*CARD, f"reserved {GB}")
    assert card
    assert (card["used"], card["free"]) == (18 * GB, 6 * GB)


def test_a_name_that_is_no_text_is_still_shown(reading: Reading) -> None:
    cyrillic = b"\xe8\xe3\xf0\xe0.exe".decode(errors="surrogateescape")  # as Windows 1251 writes it
    card, _ = reading.read(*CARD, f"process {reading.process.pid} {GB} C:\\{cyrillic}", "error temp 3")
    assert card
    assert card["processes"][0]["name"].startswith("python")  # what the system calls this process


def test_a_driver_too_old_to_list_processes_still_tells_the_memory(reading: Reading) -> None:
    function_not_found = 13
    card, reason = reading.read(*CARD, *TWO, f"error processes {function_not_found}")
    assert reason == ""
    assert card
    assert (card["free"], card["processes"]) == (6 * GB, [])


@pytest.mark.parametrize(
    ("function", "error", "code"),
    [
        ("init", 9, "no_driver"),
        ("init", 18, "driver_mismatch"),
        ("init", 4, "not_allowed"),
        ("handle", 6, "no_card"),
        ("handle", 2, "no_card"),
        ("memory", 3, "not_supported"),
        ("memory", 15, "card_lost"),
        ("memory", 16, "card_lost"),
        ("memory", 999, "failed"),
    ],
)
def test_each_reason_has_a_code_and_ends_when_it_is_over(
    reading: Reading, function: str, error: int, code: str
) -> None:
    for _ in range(3):
        assert reading.read(*CARD, f"error {function} {error}") == (None, code)
    card, reason = reading.read(*CARD)
    assert card
    assert reason == ""
    told = reading.end().splitlines()
    assert len(told) == 2
    calls = nvml.calls(reading.folder)
    assert calls.count("init") - calls.count("shutdown") == 1


def test_a_driver_that_is_not_loaded_is_told_once_and_found_again(reading: Reading) -> None:
    not_loaded = "error init 9"
    for _ in range(3):
        assert reading.read(*CARD, not_loaded) == (None, "no_driver")
    card, reason = reading.read(*CARD)
    assert card
    assert reason == ""
    told = reading.end().splitlines()
    assert len(told) == 2
    assert "can't be read" in told[0]
    assert "can be read again" in told[1]


def test_a_card_lost_in_mid_run_comes_back(reading: Reading) -> None:
    assert reading.read(*CARD)[0]
    lost = 15
    assert reading.read(*CARD, f"error memory {lost}")[0] is None
    assert reading.read(*CARD, f"error util {lost}", f"error shutdown {lost}")[0] is None
    assert reading.read(*CARD)[0]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("/usr/local/bin/ollama", "ollama"),
        ("C:\\Program Files\\Ollama\\ollama.exe", "ollama.exe"),
        ("/opt/google/chrome/chrome --type=gpu-process --dir=/tmp/x", "chrome"),
        ("\udcff.exe", "?.exe"),
        ("x" * 500, "x" * 60),
        ("/", ""),
    ],
)
def test_a_name_is_short_and_fit_to_be_shown(told: str, name: str) -> None:
    assert vram.short_name(told) == name


def test_a_machine_without_nvidia_is_no_error(tmp_path: Path) -> None:
    (tmp_path / nvml.LIBRARY).write_text("so that a real one is not found either")
    reader = Reading(tmp_path, {"LD_LIBRARY_PATH": str(tmp_path)})
    card, reason = reader.read()
    assert card is None
    assert reason == "no_library"
    for _ in range(3):
        reader.read()
    assert len(reader.end().splitlines()) == 1
