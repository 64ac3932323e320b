"""What is wrong with this installation, and what helps."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation

from ollamachat.doctor import LEVELS, OK, Finding, examine

BOOK = "TROUBLESHOOTING.md"


class Command(BaseCommand):
    """`manage.py doctor [--json]`: exits with 0 when all is well, 1 after warnings, 2 after failures."""

    help = "Looks at everything that the app needs and says what is wrong, each with its fix."
    requires_system_checks = []  # a database that is away is something to tell, not to stumble over

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", help="one JSON object, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; ends the process with the worst level."""
        spoken = "ru" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("ru") else "en"
        with translation.override(spoken):
            found = examine()
        worst = max((LEVELS.index(finding.level) for finding in found), default=0)
        if options["json"]:
            told = {"level": LEVELS[worst], "findings": [asdict(finding) for finding in found]}
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            for finding in found:
                self._tell(finding)
        sys.exit(worst)

    def _tell(self, finding: Finding) -> None:
        style = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
        self.stdout.write(f"{style[finding.level](f'{finding.level:<5}')} {finding.sentence}")
        if finding.level != OK:
            self.stdout.write(f"      {finding.fix}\n      {BOOK}#{finding.anchor}")
