"""The three commands: run, test, bench."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from launch import ROOT, options, reach, running, venv
from launch.output import prepare_terminal
from launch.words import say


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for; returns the exit status."""
    prepare_terminal()
    chosen = options.parse(arguments)
    try:
        return {"run": _run, "test": _test, "bench": _bench}[chosen.command](chosen, list(arguments))
    except KeyboardInterrupt:
        print("\n" + say("stopped"), flush=True)
        return 130


def _run(chosen: argparse.Namespace, arguments: list[str]) -> int:
    path = reach.ready_folder(chosen, os.environ)
    mysql = ["mysql"] if reach.wants_mysql(path, os.environ) else []
    venv.prepare(["runtime", *mysql, "engine"])
    venv.enter(arguments)
    return running.run(chosen, path)


def _test(chosen: argparse.Namespace, arguments: list[str]) -> int:
    from launch import gates

    names = gates.chosen_names(chosen.only)
    venv.prepare(["runtime", "dev", "engine"])
    venv.enter(arguments)
    return gates.run(names, every_test=chosen.all)


def _bench(chosen: argparse.Namespace, arguments: list[str]) -> int:
    venv.prepare(["runtime", "dev", "engine"])
    venv.enter(arguments)
    command = [sys.executable, "-m", f"bench.{chosen.name}", *chosen.rest]
    return subprocess.run(command, cwd=ROOT, check=False).returncode
