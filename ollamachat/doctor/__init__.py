"""What is wrong with this installation, each with its fix: `python manage.py doctor`."""

from __future__ import annotations

from ollamachat.doctor.examining import examine
from ollamachat.doctor.findings import FAIL, LEVELS, OK, WARN, Finding

__all__ = ["FAIL", "LEVELS", "OK", "WARN", "Finding", "examine"]
