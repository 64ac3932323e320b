"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from launch import ROOT
from launch.gates import GATES
from launch.words import say

COMMANDS = ("run", "test", "bench")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; `command` is run, test or bench. A wrong one ends the process with usage."""
    words = list(arguments)
    command = words.pop(0) if words and words[0] in COMMANDS else "run"
    parser = argparse.ArgumentParser(prog=f"start.py {command}" if command != "run" else "start.py")
    _ADD[command](parser)
    options = parser.parse_args(words)
    options.command = command
    return options


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.epilog = say("help_others")
    parser.add_argument("--host", help=say("help_host"))
    parser.add_argument("--port", type=_port, help=say("help_port"))
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data", help=say("help_data"))
    parser.add_argument("--no-browser", action="store_true", help=say("help_no_browser"))
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--lan", dest="reach", action="store_const", const="lan", help=say("help_lan"))
    who.add_argument("--local", dest="reach", action="store_const", const="local", help=say("help_local"))


def _add_test(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help=say("help_all"))
    parser.add_argument(
        "--only", default="", metavar="GATE[,GATE]", help=say("help_only", gates=", ".join(GATES))
    )


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help=say("help_bench"))
    parser.add_argument("rest", nargs=argparse.REMAINDER)


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError("1-65535")
    return number


_ADD = {"run": _add_run, "test": _add_test, "bench": _add_bench}
