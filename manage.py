#!/usr/bin/env python
"""Django's command line, for whoever maintains the installation."""

from __future__ import annotations

import importlib.util
import os
import sys

from launch import venv


def enter_environment() -> None:
    """Go on in the environment that start.py has made, unless this Python has packages of its own."""
    is_plain = sys.prefix == sys.base_prefix or importlib.util.find_spec("django") is None
    if is_plain and venv.PYTHON.exists():
        venv.enter(sys.argv[1:], script="manage.py")


def main() -> None:
    """Run the management command named on the command line."""
    enter_environment()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")
    from django.core.management import execute_from_command_line

    from ollamachat import env

    env.join_running()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
