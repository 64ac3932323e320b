"""Keeps the processes running, and ends all of them with itself."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType

from launch.output import Output
from launch.process import Process, Program, describe_end
from launch.warden import Warden
from launch.words import say

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before a dead process is started again
STEADY = 30.0  # seconds alive after which its next death counts as a first one
GRACE = 4.0  # seconds to end in, then they are killed
LAST_WORDS = 0.3  # seconds to read in what they have written
LAST_GRACE = 0.6  # the same for Redis, which ends after all others
TURN = 0.5  # seconds: Windows lets no signal interrupt a longer wait

Action = Callable[[], None]


class Slot:
    """A place for one program: its process, or when to start it again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: Process | None = None
        self.delay = FIRST_DELAY
        self.due = 0.0
        self.started = 0.0


class Supervisor:
    """Runs programs until it is stopped. All but `call` belongs to one thread, the one of `run`.

    On Linux a process dies with the thread that started it, so that one lives as long as we do.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._warden = Warden()
        self._slots: dict[str, Slot] = {}
        self._calls: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._stopping = self._hurry = False

    def call(self, action: Action) -> None:
        """Have the main thread do `action` soon; for other threads and signal handlers."""
        self._calls.put(action)

    def add(self, program: Program) -> None:
        """Keep `program` running from now on (or run it once)."""
        if program.name not in self._slots:
            self._slots[program.name] = Slot(program)
            self._start_due()

    def remove(self, name: str) -> None:
        """End the program of that name and all that it started."""
        slot = self._slots.pop(name, None)
        if slot and slot.process:
            self._end([slot.process], GRACE)
            self._tell_warden()

    def running(self) -> list[str]:
        """Return the names of the programs that have a process now."""
        return [name for name, slot in self._slots.items() if slot.process]

    def run(self) -> None:
        """Return after `stop` or a signal, when all processes have ended."""
        while not self._stopping:
            with contextlib.suppress(queue.Empty):
                self._calls.get(timeout=self._pause())()
            self._collect()
            self._start_due()
        self._output.say(say("stopping"))
        self.end()

    def listen(self) -> None:
        """Let Ctrl-C, SIGTERM and a closed terminal end `run`."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def stop(self) -> None:
        """Make `run` return; a second time, without patience."""
        self._hurry = self._stopping
        self._stopping = True

    def end(self) -> None:
        """End every process within 5 s: Redis last, for the others save into it."""
        running = [slot.process for slot in self._slots.values() if slot.process]
        self._slots.clear()
        self._end([process for process in running if not process.program.last], GRACE)
        self._end([process for process in running if process.program.last], LAST_GRACE)
        self._warden.dismiss()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()
        self.call(lambda: None)  # wakes the main loop

    def _pause(self) -> float:
        waits = [slot.due - time.monotonic() for slot in self._slots.values() if not slot.process]
        return max(0.01, min([TURN, *waits]))

    def _start_due(self) -> None:
        now = time.monotonic()
        due = [slot for slot in self._slots.values() if not slot.process and slot.due <= now]
        for slot in due:
            self._start(slot)
        if due:
            self._tell_warden()

    def _start(self, slot: Slot) -> None:
        show = self._output.keep if slot.program.quiet else self._output.line
        hear = slot.program.hear or partial(show, slot.program.name)
        slot.started = time.monotonic()
        try:
            slot.process = Process(slot.program, hear, partial(self.call, lambda: None))
        except OSError as error:
            self._output.say(say("cannot_start", name=slot.program.name, why=error.strerror))
            self._postpone(slot)

    def _collect(self) -> None:
        dead = [slot for slot in self._slots.values() if slot.process and slot.process.poll() is not None]
        for slot in dead:
            self._bury(slot)
        if dead:
            self._tell_warden()

    def _bury(self, slot: Slot) -> None:
        assert slot.process
        code = slot.process.poll() or 0
        slot.process.kill()  # what it started itself must not meet its successor
        slot.process.finish_reading()
        slot.process = None
        if slot.program.once:
            del self._slots[slot.program.name]
            if slot.program.ended:
                slot.program.ended(code)
            return
        if time.monotonic() - slot.started >= STEADY:
            slot.delay = FIRST_DELAY
        fields = {"name": slot.program.name, "how": describe_end(code), "delay": f"{slot.delay:g}"}
        self._output.say(say("ended", **fields))
        self._postpone(slot)

    def _postpone(self, slot: Slot) -> None:
        slot.due = time.monotonic() + slot.delay
        slot.delay = min(slot.delay * 2, LONGEST_DELAY)

    def _tell_warden(self) -> None:
        self._warden.tell(slot.process.pid for slot in self._slots.values() if slot.process)

    def _end(self, processes: Iterable[Process], grace: float) -> None:
        asked = left = list(processes)
        for process in left:
            process.ask_to_end()
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline and not self._hurry:
            time.sleep(0.02)
            left = [process for process in left if not process.gone()]
        for process in left:
            process.kill()
        # Their last words stand before those of whoever ends after them.
        deadline = time.monotonic() + LAST_WORDS
        for process in asked:
            process.finish_reading(max(0.0, deadline - time.monotonic()))


def own_everything() -> None:
    """On Windows, tie all that this process starts to its own life."""
    if sys.platform == "win32":
        from launch.windows_job import end_children_with_us

        end_children_with_us()
