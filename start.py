#!/usr/bin/env python3
"""Starts Ollama Chat: `python3 start.py`; `python3 start.py --help` names the rest."""

from __future__ import annotations

import sys

from launch import versions


def main() -> int:
    """Return the exit status of the command that was asked for."""
    versions.check()  # before the imports below, which an older Python could not read
    from launch import commands

    return commands.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
