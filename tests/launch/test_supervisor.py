"""The supervisor over real processes, some of which do not want to end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from tests.launch.conftest import Running, lives, until

Supervise = Callable[[dict[str, str]], Running]

WRITE_PID = """
import os, sys, time, signal
from pathlib import Path
draft = Path(sys.argv[1] + ".new")
draft.write_text(str(os.getpid()))
"""
SAY_IT = """
draft.replace(sys.argv[1])
print("here I am", flush=True)
"""
SLEEP = """
time.sleep(600)
"""
IDLE = WRITE_PID + SAY_IT + SLEEP
STUBBORN = WRITE_PID + "signal.signal(signal.SIGTERM, signal.SIG_IGN)" + SAY_IT + SLEEP
WITH_CHILD = (
    WRITE_PID
    + """
import subprocess
code = "import time, signal as s; s.signal(s.SIGTERM, s.SIG_IGN); print(1, flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
"""
    + SAY_IT
    + SLEEP
)
ENDS_AT_ONCE = WRITE_PID + SAY_IT + "sys.exit(3)"


def test_a_killed_process_comes_back(supervise: Supervise) -> None:
    running = supervise({"web": IDLE, "llm": IDLE})
    web, llm = running.pid("web"), running.pid("llm")

    os.kill(web, signal.SIGKILL)

    until(lambda: running.pid("web") != web)
    assert running.pid("llm") == llm


def test_what_a_dead_process_had_started_is_ended_before_it_comes_back(supervise: Supervise) -> None:
    running = supervise({"engine": WITH_CHILD})
    first = running.pid("engine")
    children = psutil.Process(first).children()
    assert children

    os.kill(first, signal.SIGKILL)

    until(lambda: running.pid("engine") != first)
    assert not [child for child in children if lives(child)]


def test_a_process_that_ends_at_once_is_started_less_and_less_often(supervise: Supervise) -> None:
    running = supervise({"web": ENDS_AT_ONCE})
    log = running.folder / "logs" / "web.log"
    until(lambda: log.exists() and log.read_text().count("here I am") == 4)

    running.popen.send_signal(signal.SIGTERM)
    said, _ = running.popen.communicate(timeout=30)

    assert "web ended (exit code 3) and is started again in 0.5 s" in said
    assert "in 1 s" in said
    assert "in 2 s" in said


def test_each_line_is_shown_with_its_process_and_kept_in_its_log(supervise: Supervise) -> None:
    running = supervise({"web": IDLE, "upkeep": IDLE})
    log = running.folder / "logs" / "web.log"
    until(lambda: log.exists() and log.read_text() == "here I am\n")

    running.popen.send_signal(signal.SIGTERM)
    said, _ = running.popen.communicate(timeout=30)

    assert {"web     | here I am", "upkeep  | here I am"} <= set(said.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(supervise: Supervise, number: signal.Signals) -> None:
    running = supervise({"web": IDLE, "last": IDLE})

    running.popen.send_signal(number)

    assert running.popen.wait(20) == 0
    assert running.left() == []


def test_processes_that_ignore_the_wish_to_end_are_gone_within_five_seconds(supervise: Supervise) -> None:
    running = supervise({"web": STUBBORN, "engine": WITH_CHILD, "last": STUBBORN})
    began = time.monotonic()

    running.popen.send_signal(signal.SIGINT)

    assert running.popen.wait(20) == 0
    assert time.monotonic() - began < 10, "five on a machine that does nothing else"
    assert running.left() == []


def test_a_second_ctrl_c_does_not_wait(supervise: Supervise) -> None:
    running = supervise({"web": STUBBORN})
    began = time.monotonic()

    running.popen.send_signal(signal.SIGINT)
    time.sleep(0.3)
    running.popen.send_signal(signal.SIGINT)

    assert running.popen.wait(6) == 0
    assert time.monotonic() - began < 3.5, "four seconds is what it would have waited"
    assert running.left() == []


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(supervise: Supervise) -> None:
    running = supervise({"web": IDLE})

    assert os.getpgid(running.pid("web")) != os.getpgid(running.popen.pid)
    assert os.getsid(running.pid("web")) != os.getsid(running.popen.pid)


def test_killing_the_supervisor_leaves_nothing_behind(supervise: Supervise) -> None:
    running = supervise({"web": STUBBORN, "engine": WITH_CHILD, "last": IDLE})

    running.popen.kill()

    until(lambda: not running.left())
    assert len(running.family) >= 4


def test_the_last_one_ends_after_all_others(supervise: Supervise) -> None:
    slow = (
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), print('saved', flush=True), sys.exit(0)))"
    )
    last = "signal.signal(signal.SIGTERM, lambda *_: (print('closed', flush=True), sys.exit(0)))"
    running = supervise({"last": WRITE_PID + last + SAY_IT + SLEEP, "web": WRITE_PID + slow + SAY_IT + SLEEP})

    running.popen.send_signal(signal.SIGTERM)
    said, _ = running.popen.communicate(timeout=5)

    assert said.index("saved") < said.index("closed")
