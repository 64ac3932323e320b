"""What start.py does: the venv, the data folder, the processes, the gates.

Whatever runs before the venv exists uses the standard library alone.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
