#!/usr/bin/env python
"""Django's command line, for whoever maintains the installation."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")
    from django.core.management import execute_from_command_line

    from ollamachat import env

    env.join_running()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
