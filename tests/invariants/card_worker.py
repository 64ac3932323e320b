"""Processes that share the card as the app's do, without Celery: `python -m tests.invariants.card_worker`.

It reads a role a line (ollama, comfyui, upkeep, feeder), forks a process for it and prints its
id; they end with it. Redis under `REDIS_URL` has the card and the tasks and may be lost;
the one under `ROWS_URL` stands for the database: rows, and what was written to them.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import django
import redis

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from gpu import arbiter, handoff, watch  # noqa: E402
from gpu.arbiter import COMFYUI, OLLAMA, Held, LeaseLostError, Ticket, holding, line  # noqa: E402
from gpu.services.comfyui import ComfyUI  # noqa: E402
from gpu.services.errors import ServiceError  # noqa: E402
from gpu.services.ollama import Ask, Ollama, Piece  # noqa: E402
from gpu.services.wire import HungUpError  # noqa: E402
from live.redis import RedisError, client, key  # noqa: E402
from tests.standins.comfyui_graphs import txt2img  # noqa: E402

KIND = "row"
MODEL = "smollm2:135m"
USERS = (1, 2, 3, 4)
STAGES = {OLLAMA: "chat", COMFYUI: "draw"}
TOKENS = 50  # of an answer; a long row is LONG times as much work
LONG = 3
EDGE = 0.25  # seconds for which a worker stands where it hurts most to be stopped
TICK, SWEEP, FEED = 0.2, 0.5, 0.1  # seconds

# A row remembers the newest token it was granted under, and takes nothing under an older one.
GRANT = """
local newest = tonumber(redis.call("HGET", "granted", ARGV[1]) or 0)
if tonumber(ARGV[2]) > newest then redis.call("HSET", "granted", ARGV[1], ARGV[2]) end
redis.call("RPUSH", "log", string.format("grant %s %s", ARGV[1], ARGV[2]))
"""
WRITE = """
local accepted = tonumber(ARGV[2]) >= tonumber(redis.call("HGET", "granted", ARGV[1]) or 0)
if accepted then redis.call("HSET", "written", ARGV[1], ARGV[2]) end
local result = accepted and "accepted" or "refused"
redis.call("RPUSH", "log", string.format("write %s %s %s", ARGV[1], ARGV[2], result))
"""


@cache
def rows() -> Any:
    """Return what stands for the database: `wanted` (service and user), `granted` and `written` (tokens)."""
    return redis.Redis.from_url(os.environ["ROWS_URL"], decode_responses=True)


def send(row_id: int, lease_id: str) -> None:
    """Push what was granted to the list of its service."""
    rows().eval(GRANT, 0, row_id, lease_id.removeprefix("lease-"))
    service = str(rows().hget("wanted", row_id)).split()[0]
    client().rpush(key("tasks", service), f"{row_id} {lease_id}")


def wanted(row_ids: list[int]) -> set[int]:
    """Return the rows that still wait: nothing was written yet."""
    written = rows().hmget("written", row_ids)
    return {row_id for row_id, token in zip(row_ids, written, strict=True) if token is None}


def next_task(name: str) -> str | None:
    """Return the next entry of a list, None after a second without one."""
    entry = client().blpop(key("tasks", name), timeout=1)
    return str(entry[1]) if entry else None


# Workers


def answer(held: Held, row_id: int) -> None:
    """Have Ollama answer; a loss hangs up."""
    mark = f"row {row_id} under {held.id}"
    question = [{"role": "user", "content": mark}]
    tokens = TOKENS * (LONG if is_long(row_id) else 1)
    ask = Ask(MODEL, question, num_ctx=2048, keep_alive="5m", num_predict=tokens)
    stream = Ollama(os.environ["OLLAMA_URL"]).answer(ask)
    held.on_loss(stream.hang_up)

    def at_the_edge() -> Iterator[Piece]:
        stand_at_the_edge("call", mark)
        yield from stream

    for _piece in held.watch(at_the_edge()):
        pass


def draw(held: Held, row_id: int) -> None:
    """Have ComfyUI draw; a loss takes the prompt back."""
    comfyui, prompt_id = ComfyUI(os.environ["COMFYUI_URL"]), str(uuid.uuid4())
    held.on_loss(lambda: comfyui.cancel(prompt_id))
    held.check()
    stand_at_the_edge("call", prompt_id)
    graph = txt2img(seed=row_id, steps=12)
    graph["27"]["inputs"]["batch_size"] = LONG if is_long(row_id) else 1
    comfyui.submit(graph, prompt_id)
    try:
        held.check()
    except LeaseLostError:
        comfyui.cancel(prompt_id)  # it came in after the loss had been told
        raise
    while (state := comfyui.find(prompt_id)) in ("pending", "running"):
        time.sleep(0.03)
    if state != "done":
        raise ServiceError(state)


def is_long(row_id: int) -> bool:
    """Return whether it is computed for longer than a lease lives that nobody renews."""
    return row_id % LONG == 0


def stand_at_the_edge(before: str, mark: str) -> None:
    """Wait where the lease is known to be held and nothing has followed yet, so that a test can stop it."""
    rows().hset("edge", os.getpid(), f"{before} {mark}")
    time.sleep(EDGE)
    rows().hdel("edge", os.getpid())


@contextlib.contextmanager
def busy(row_id: int) -> Iterator[None]:
    rows().hset("busy", os.getpid(), row_id)
    try:
        yield
    finally:
        rows().hdel("busy", os.getpid())


def work(service: str) -> None:
    """Serve one service's list, a row at a time."""
    compute = {OLLAMA: answer, COMFYUI: draw}[service]
    if entry := next_task(service):
        row, lease_id = entry.split()
        serve(compute, int(row), lease_id)


def serve(compute: Callable[[Held, int], None], row_id: int, lease_id: str) -> None:
    """Compute one row under its lease and write it; a row that is not written is swept."""
    with arbiter.hold(lease_id) as held:
        if held is None or not wanted([row_id]):
            return
        with busy(row_id):
            try:
                compute(held, row_id)
            except (LeaseLostError, HungUpError, ServiceError) as error:
                print(f"row {row_id} under {lease_id}: {error!r}", flush=True)
                return
            stand_at_the_edge("write", f"{row_id} {held.token}")
            rows().eval(WRITE, 0, row_id, held.token)  # without a look at the lease: the token must do


# Everybody else


def keep_up() -> None:
    """Watch the card five times a second, and carry out hand-overs beside it."""
    threading.Thread(target=repeat, args=[hand_over], daemon=True).start()
    repeat(watch.watch, TICK)


def hand_over() -> None:
    if switch_id := next_task("switches"):
        handoff.carry_out(switch_id)


def feed() -> None:
    """Keep a row of each user waiting, until told to stop."""
    waiting = {ticket.user_id for ticket in arbiter.read().tickets}
    for user_id in () if rows().exists("stop") else set(USERS) - waiting:
        row_id, service = rows().incr("rows"), random.choice(list(STAGES))
        rows().hset("wanted", row_id, f"{service} {user_id}")
        enqueue(row_id, service, user_id)


def enqueue(row_id: int, service: str, user_id: int) -> None:
    arbiter.enqueue(Ticket(KIND, row_id, user_id, service=service, stage=STAGES[service]))


def sweep() -> None:
    """Ask again for the rows that wait and are not in the card: their worker died or lost its lease."""
    known = {int(row_id): told for row_id, told in rows().hgetall("wanted").items()}
    there = arbiter.read().rows(KIND)
    missing = [row_id for row_id in known if row_id not in there]
    for row_id in sorted(wanted(missing)) if missing else ():
        service, user_id = known[row_id].split()
        enqueue(row_id, service, int(user_id))


def feed_and_sweep() -> None:
    threading.Thread(target=repeat, args=[sweep, SWEEP], daemon=True).start()
    repeat(feed, FEED)


def repeat(part: Callable[[], None], pause: float = 0.0) -> None:
    """Do it again and again, Redis or not, until the process is killed or an orphan."""
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            part()
        except RedisError as error:
            print(f"{part}: {error!r}", flush=True)
            time.sleep(0.1)
        time.sleep(pause)


# Processes


def run(role: str) -> None:
    """Do a process's part until it is killed."""
    with (Path(os.environ["OLLAMA_CHAT_DATA"]) / f"{role}.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    random.seed()
    line.send_grants_with(KIND, send, wanted=wanted)
    line.hand_over_with(lambda switch_id, _service: client().rpush(key("tasks", "switches"), switch_id))
    holding.note_releases_with(lambda _ticket, _used, _held: None)  # the ledger has tests of its own
    others = {"upkeep": keep_up, "feeder": feed_and_sweep}
    others.get(role, lambda: repeat(lambda: work(role)))()


def main() -> None:
    """Fork what is asked for until nobody asks any more."""
    call_command("migrate", verbosity=0)
    connections.close_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    print("ready", flush=True)
    for asked in sys.stdin:
        child = os.fork()
        if child == 0:
            run(asked.strip())
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
