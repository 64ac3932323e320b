"""Each Redis that start.py can run, started for real."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from launch.process import Process
from launch.redis_choice import KINDS, OwnRedis, answers, choose

PASSWORD = 'a "quoted" p@ss/word'


@contextmanager
def serving(chosen: OwnRedis) -> Iterator[Process]:
    process = Process(chosen.program, print, lambda: None)
    try:
        chosen.wait()
        yield process
    finally:
        process.kill()
        process.finish_reading()


@pytest.fixture(params=KINDS)
def chosen(request: pytest.FixtureRequest, tmp_path: Path) -> OwnRedis:
    """A Redis of each kind, in a folder whose name has a blank."""
    return choose(tmp_path / "a folder", PASSWORD, dict(os.environ), kind=request.param)


def test_it_answers_to_the_password_alone(chosen: OwnRedis) -> None:
    with serving(chosen):
        with redis.Redis.from_url(chosen.url) as client:
            assert client.ping()
        with (
            redis.Redis(port=chosen.port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.get("key")
        assert not answers(chosen.port, "wrong")


def test_nobody_reads_the_password_in_the_list_of_processes(chosen: OwnRedis) -> None:
    with serving(chosen) as process:
        assert "p@ss" not in " ".join(psutil.Process(process.pid).cmdline())


def test_it_listens_on_loopback_alone(chosen: OwnRedis) -> None:
    with serving(chosen) as process:
        listening = [
            part for part in psutil.Process(process.pid).net_connections() if part.status == "LISTEN"
        ]
        assert {part.laddr[:2] for part in listening} == {("127.0.0.1", chosen.port)}


def test_it_carries_streams_and_scripts(chosen: OwnRedis) -> None:
    with serving(chosen), redis.Redis.from_url(chosen.url) as client:
        client.xadd("log", {"text": "one"})
        assert client.xread({"log": "0"}, block=100)
        assert client.eval("return redis.call('incrby', KEYS[1], 2)", 1, "count") == 2


@pytest.mark.parametrize("kind", ["server", "builtin"])
def test_a_real_one_keeps_its_data_over_a_restart(kind: str, tmp_path: Path) -> None:
    first = choose(tmp_path, PASSWORD, dict(os.environ), kind=kind)
    with serving(first) as process, redis.Redis.from_url(first.url) as client:
        client.set("key", "value")
        process.ask_to_end()
        _until_gone(process.gone)

    second = choose(tmp_path, PASSWORD, dict(os.environ), kind=kind)
    with serving(second), redis.Redis.from_url(second.url) as client:
        assert client.get("key") == b"value"


def test_the_machines_own_comes_first(tmp_path: Path) -> None:
    assert choose(tmp_path, PASSWORD, dict(os.environ)).kind in {"server", "builtin"}


def test_the_stand_in_ends_when_asked(tmp_path: Path) -> None:
    chosen = choose(tmp_path, PASSWORD, dict(os.environ), kind="memory")
    with serving(chosen) as process, redis.Redis.from_url(chosen.url) as client:
        client.ping()
        process.ask_to_end()
        _until_gone(process.gone)


def _until_gone(gone: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not gone():
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired("redis", 15)
        time.sleep(0.02)


def test_the_stand_in_sends_large_answers_to_a_client_that_reads_slowly(tmp_path: Path) -> None:
    chosen = choose(tmp_path, "word", dict(os.environ), kind="memory")
    size = 3_000_000
    with serving(chosen), redis.Redis.from_url(chosen.url) as client:
        client.set("big", b"x" * size)
        with socket.create_connection(("127.0.0.1", chosen.port), timeout=5) as slow:
            slow.sendall(b"*2\r\n$4\r\nAUTH\r\n$4\r\nword\r\n*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n")
            time.sleep(0.3)
            said = b""
            while len(said) < size and (part := slow.recv(65536)):
                said += part

    assert said.startswith(b"+OK\r\n")
    assert len(said) > size


def test_the_stand_in_wakes_a_client_that_waits(tmp_path: Path) -> None:
    chosen = choose(tmp_path, "word", dict(os.environ), kind="memory")
    with (
        serving(chosen),
        redis.Redis.from_url(chosen.url) as client,
        redis.Redis.from_url(chosen.url) as other,
    ):
        push = threading.Timer(0.2, lambda: other.rpush("queue", "job"))
        push.start()
        assert client.blpop(["queue"], timeout=3) == (b"queue", b"job")
        # The reader can be woken before the writer has read its own answer.
        push.join()
