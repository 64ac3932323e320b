from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import override_settings
from django.utils import translation

from gpu import monitor, snapshot
from gpu.monitor import NEGLIGIBLE, Reading, foreign_sentence, measure
from gpu.services.ollama import Ollama
from gpu.vram import Card, Process
from live import log
from live.redis import client, key
from tests.standins.ollama import ScriptedOllama

GB = 10**9


def card(used: int, *processes: Process) -> Card:
    return Card("card", 24 * GB, used, 24 * GB - used, 5, 50, processes)


def taken(seen: Card | None, *, ollama: int = 0, comfyui: int = 0, was_over: bool = False) -> Reading:
    return measure(seen, ollama=ollama, comfyui=comfyui, was_over=was_over, threshold=90, at=1.0)


@pytest.mark.parametrize(
    ("used", "ollama", "comfyui", "foreign"),
    [
        (0, 0, 0, 0),
        (500_000_000, 0, 0, 0),  # a desktop
        (NEGLIGIBLE - 1, 0, 0, 0),
        (NEGLIGIBLE, 0, 0, NEGLIGIBLE),
        (13 * GB, 13 * GB, 0, 0),
        (19 * GB, 13 * GB, 0, 6 * GB),
        (23 * GB, 0, 17 * GB, 6 * GB),
        (10 * GB, 13 * GB, 0, 0),  # Ollama counts what spilled over too
    ],
)
def test_what_is_not_ours_is_the_rest(used: int, ollama: int, comfyui: int, foreign: int) -> None:
    assert taken(card(used), ollama=ollama, comfyui=comfyui).foreign == foreign


@pytest.mark.parametrize(
    ("processes", "name"),
    [
        ((), ""),
        ((Process(1, "ollama", 13 * GB),), ""),
        ((Process(1, "ollama.exe", None), Process(2, "witcher3.exe", None)), "witcher3.exe"),
        ((Process(1, "Xorg", GB), Process(2, "blender", 5 * GB)), "blender"),
        ((Process(1, "python3.11", 9 * GB), Process(2, "chrome", GB)), "chrome"),  # it may be ComfyUI
        ((Process(1, "", 9 * GB),), ""),
    ],
)
def test_the_largest_stranger_is_named(processes: tuple[Process, ...], name: str) -> None:
    assert taken(card(19 * GB, *processes), ollama=13 * GB).foreign_name == name


@pytest.mark.parametrize(
    ("used", "was_over", "over"),
    [(21, False, False), (22, False, True), (21.5, False, False), (21.5, True, True), (20, True, False)],
)
def test_the_warning_does_not_flicker(used: float, was_over: bool, over: bool) -> None:
    assert taken(card(int(used * GB)), was_over=was_over).over_threshold is over


def test_without_nvidia_what_the_services_say_is_what_is_known() -> None:
    reading = taken(None, ollama=2 * GB, comfyui=GB)
    assert (reading.source, reading.total, reading.used, reading.foreign) == ("services", 0, 3 * GB, 0)
    assert taken(None).source == "none"


@pytest.mark.parametrize(
    ("language", "name", "sentence"),
    [
        ("en", "", "Something else holds about 6 GB of the card."),
        ("en", "blender", "Something else holds about 6 GB of the card: blender."),
    ],
)
def test_it_is_said_in_words(language: str, name: str, sentence: str) -> None:
    with translation.override(language):
        assert foreign_sentence(Reading(foreign=6 * GB, foreign_name=name)) == sentence
        assert foreign_sentence(Reading()) == ""


def told(type_: str) -> list[dict[str, Any]]:
    frames = log.read_frames(client().xrange(log.stream_key("card", "all")))
    return [frame for frame in frames if frame["type"] == type_]


@pytest.fixture
def loaded(ollama: ScriptedOllama) -> ScriptedOllama:
    """An Ollama that holds a model, and upkeep has seen it."""
    Ollama(ollama.url).load("smollm2:135m", num_ctx=2048, keep_alive="5m", timeout=5)
    snapshot.refresh()
    return ollama


def test_a_sample_is_kept_for_pages_and_for_the_chart(loaded: ScriptedOllama) -> None:
    reading = monitor.sample(lambda: GB)
    held = loaded.loaded["smollm2:135m"].entry()["size_vram"]
    assert (reading.ollama, reading.comfyui, reading.source) == (held, GB, "services")
    assert monitor.read() == reading
    assert monitor.history() == [[round(reading.at, 1), held + GB, held, GB]]


def test_pages_hear_only_of_what_can_be_seen(loaded: ScriptedOllama) -> None:
    monitor.sample(lambda: GB)
    monitor.sample(lambda: GB)
    assert len(told("vram")) == 1
    monitor.sample(lambda: 2 * GB)
    assert len(told("vram")) == 2


def test_an_ollama_that_has_gone_holds_nothing(loaded: ScriptedOllama) -> None:
    loaded.stop()
    assert monitor.sample(lambda: 0).source == "none"


def test_an_old_reading_counts_as_none(loaded: ScriptedOllama) -> None:
    monitor.sample(lambda: GB)
    with override_settings(GPU_MONITOR_INTERVAL=0.1):
        kept = client().get(key("vram")).replace(str(int(time.time())), str(int(time.time()) - 60))
        client().set(key("vram"), kept)
        assert monitor.read() == Reading()


@override_settings(GPU_MONITOR_INTERVAL=300)
def test_the_history_is_bounded(loaded: ScriptedOllama) -> None:
    for _ in range(5):
        monitor.sample(lambda: GB)
    assert len(monitor.history()) == 3


def test_before_the_first_look_there_is_nothing() -> None:
    assert monitor.read() == Reading()
    assert monitor.history() == []
