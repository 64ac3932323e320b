from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import translation

from gpu import arbiter, monitor, snapshot, watch
from gpu.arbiter import line
from gpu.monitor import NEGLIGIBLE, Reading, foreign_sentence, measure, news
from gpu.services.comfyui import Device, Stats
from gpu.services.ollama import Ollama
from gpu.vram import Card, Process
from live import log
from live.redis import client, key
from tests.standins import nvml
from tests.standins.ollama import ScriptedOllama
from tests.standins.process_manager import Manager, Program

GB = 2**30  # as cards are sold
ROOT = Path(__file__).resolve().parents[2]


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
        ((Process(1, "dwm.exe", None), Process(2, "witcher3.exe", None)), ""),  # nobody tells which of them
        ((Process(1, "Xorg", GB), Process(2, "blender", 5 * GB)), "blender"),
        ((Process(1, "python3.11", 6 * GB),), ""),  # it may be ComfyUI
        ((Process(1, "python3.11", 6 * GB), Process(2, "Xorg", GB // 10)), ""),  # Xorg does not hold the 6 GB
        ((Process(1, "", 9 * GB),), ""),
    ],
)
def test_the_largest_stranger_is_named(processes: tuple[Process, ...], name: str) -> None:
    assert taken(card(19 * GB, *processes), ollama=13 * GB).foreign_name == name


def test_what_ollama_is_loading_is_not_foreign_though_its_list_is_empty() -> None:
    loading = Process(1, "ollama", 13 * GB)
    assert taken(card(14 * GB, loading)).foreign == GB
    assert taken(card(14 * GB, loading), ollama=13 * GB).foreign == GB
    assert taken(card(20 * GB, loading, Process(2, "blender", 6 * GB))).foreign_name == "blender"


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


def device(type_: str = "cuda", total: int = 24 * GB) -> Stats:
    return Stats("0.33", (Device("cuda:0 card", type_, total, 9 * GB, torch_total=12 * GB, torch_free=GB),))


def test_comfyui_on_cuda_tells_the_whole_card() -> None:
    card = monitor.card_of(device())
    assert card == Card("", 24 * GB, used=16 * GB, free=8 * GB)
    reading = measure(
        card, ollama=0, comfyui=12 * GB, was_over=False, threshold=60, at=1.0, source="services"
    )
    assert (reading.source, reading.total, reading.used) == ("services", 24 * GB, 16 * GB)
    assert (reading.foreign, reading.foreign_name, reading.over_threshold) == (4 * GB, "", True)


@pytest.mark.parametrize("stats", [device("cpu"), device("mps"), device(total=0), Stats("0.33", ())])
def test_comfyui_without_a_card_tells_of_none(stats: Stats) -> None:
    assert monitor.card_of(stats) is None


SEEN = Reading(at=100.0, total=100 * GB, used=50 * GB, source="nvml")


def seen(seconds: float, used: float = 50, **changes: Any) -> Reading:
    return Reading(**asdict(SEEN) | {"at": 100 + seconds, "used": int(used * GB)} | changes)


@pytest.mark.parametrize(
    ("before", "now", "events"),
    [
        (SEEN, seen(2), []),
        (SEEN, seen(2, 50.9), []),
        (seen(2, 50.9), seen(4, 51), ["vram"]),  # slow growth is told against what pages have heard
        (SEEN, seen(0.2, 70), []),  # at most one a second
        (SEEN, seen(1, 70), ["vram"]),
        (SEEN, seen(-3600, 70), ["vram"]),  # the clock was set back
        (SEEN, seen(2, foreign=6 * GB), ["vram"]),
        (SEEN, seen(2, source="services"), ["vram"]),
        (SEEN, seen(0.2, over_threshold=True), ["vram_high"]),
        (seen(1, over_threshold=True), seen(2), ["vram_ok"]),
        (seen(1, over_threshold=True), seen(2, total=0, source="none"), ["vram"]),  # out of sight is not fine
        (Reading(), Reading(at=100.0), []),
    ],
)
def test_pages_hear_what_can_be_seen(before: Reading, now: Reading, events: list[str]) -> None:
    assert news(SEEN if before.at else before, before, now) == events


def test_a_warning_is_told_once() -> None:
    high = seen(0, 95, over_threshold=True)
    assert news(high, high, seen(2, 95, over_threshold=True)) == []


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


@pytest.fixture(autouse=True)
def no_real_card() -> Iterator[None]:
    """Leave the card alone that the machine of the tests may have."""
    with override_settings(GPU_MONITOR_ENABLED=False):
        yield


@pytest.fixture
def loaded(ollama: ScriptedOllama) -> ScriptedOllama:
    """An Ollama that holds a model, and upkeep has seen it."""
    Ollama(ollama.url).load("smollm2:135m", num_ctx=2048, keep_alive="5m").wait()
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
    client().delete(key("vram", "told"))
    monitor.sample(lambda: 2 * GB)
    assert len(told("vram")) == 2


def test_a_comfyui_on_cuda_gives_pages_a_total(loaded: ScriptedOllama) -> None:
    reading = monitor.sample(device)
    assert (reading.source, reading.total, reading.comfyui) == ("services", 24 * GB, 12 * GB)


def test_a_monitor_that_is_off_leaves_what_the_services_say(loaded: ScriptedOllama) -> None:
    assert (monitor.sample(lambda: GB).why, monitor.read().source) == ("off", "services")


def test_what_another_version_has_kept_stops_no_sample(loaded: ScriptedOllama) -> None:
    client().set(key("vram"), json.dumps(asdict(SEEN) | {"fan_speed": 40}))
    assert monitor.sample(lambda: GB).comfyui == GB


def test_an_ollama_that_has_gone_holds_nothing(loaded: ScriptedOllama) -> None:
    loaded.stop()
    assert monitor.sample(lambda: 0).source == "none"


def test_an_old_reading_counts_as_none(loaded: ScriptedOllama) -> None:
    monitor.sample(lambda: GB)
    with override_settings(GPU_MONITOR_INTERVAL=0.1):
        kept = json.loads(client().get(key("vram")))
        client().set(key("vram"), json.dumps(kept | {"at": kept["at"] - 60}))
        assert monitor.read() == Reading()


@override_settings(GPU_MONITOR_INTERVAL=300)
def test_the_history_is_bounded(loaded: ScriptedOllama) -> None:
    for _ in range(5):
        monitor.sample(lambda: GB)
    assert len(monitor.history()) == 3


@override_settings(GPU_MONITOR_ENABLED=True)
def test_the_process_manager_reads_the_card_of_its_machine(loaded: ScriptedOllama, tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho '24000, 23000, 1000'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with (
        Manager(tmp_path, Program("ollama"), environ=environ) as manager,
        override_settings(PROCESS_MANAGER_API_URL=manager.url),
    ):
        watch.sample()
        card = monitor.read_card()
    reading = monitor.read()
    assert (reading.source, reading.free) == ("manager", 1000 * 2**20)
    assert arbiter.read().memory.free == 1000
    assert card
    assert card.free == 1000 * 2**20


def test_a_full_card_is_told_and_counted(alice_client: Client, loaded: ScriptedOllama) -> None:
    def full() -> Stats:
        return Stats("", (Device("", "cuda", 24 * GB, GB, 23 * GB, 0),))

    monitor.sample(full)
    told = alice_client.get("/card/panel/").text
    assert "The card&#x27;s memory is 95 % full." in told
    assert "trouble" not in alice_client.get("/card/chip/").text  # with our own models it is as it should be
    assert client().hget(line.counts_key(), "vram_high") == "1"


def test_a_card_that_others_fill_is_trouble(alice_client: Client, loaded: ScriptedOllama) -> None:
    monitor.sample(lambda: Stats("", (Device("", "cuda", 24 * GB, GB, 2 * GB, 0),)))
    assert "trouble" in alice_client.get("/card/chip/").text


def test_before_the_first_look_there_is_nothing() -> None:
    assert monitor.read() == Reading()
    assert monitor.history() == []


SAMPLER = """
import django, sys
django.setup()
from gpu import monitor
for line in sys.stdin:
    monitor.sample(lambda: 0)
    print("sampled", flush=True)
"""


@pytest.fixture
def sampler(tmp_path: Path, loaded: ScriptedOllama) -> Iterator[subprocess.Popen[str]]:
    """A process that samples the stand-in for NVIDIA's library at each line that it reads."""
    library = nvml.build(tmp_path) | {"DJANGO_SETTINGS_MODULE": "ollamachat.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", SAMPLER],
        cwd=ROOT,
        env=os.environ | library,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.communicate(timeout=60)


@pytest.mark.skipif(
    "compiler" in os.environ.get("OC_LEFT_OUT", "").split(","), reason="there is no C compiler here"
)
def test_a_card_that_fills_is_seen_and_warned_of_once(
    sampler: subprocess.Popen[str], loaded: ScriptedOllama, tmp_path: Path
) -> None:
    def sampled(free: int, *facts: str) -> Reading:
        nvml.tell(tmp_path, (f"total {24 * GB}", f"free {free}", "util 5", *facts))
        assert sampler.stdin
        assert sampler.stdout
        sampler.stdin.write("sample\n")
        sampler.stdin.flush()
        assert sampler.stdout.readline() == "sampled\n"
        return monitor.read()

    calm = sampled(20 * GB)
    held = loaded.loaded["smollm2:135m"].entry()["size_vram"]
    assert (calm.source, calm.used, calm.free, calm.ollama) == ("nvml", 4 * GB, 20 * GB, held)
    assert not calm.over_threshold
    assert calm.why == ""
    for _ in range(2):
        tight = sampled(GB, f"process 4002 {20 * GB} /usr/bin/blender")
        assert (tight.over_threshold, tight.foreign_name) == (True, "blender")
    assert len(told("vram_high")) == 1
    assert sampled(20 * GB).over_threshold is False
    assert len(told("vram_ok")) == 1
    assert sampled(20 * GB, "error memory 15").why == "card_lost"
    assert monitor.read().source == "services"
    assert [point[1] for point in monitor.history()] == [4 * GB, 23 * GB, 23 * GB, 4 * GB, held]
