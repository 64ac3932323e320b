"""The gate for translations: all that is marked is translated, and the compiled catalogues are current.

`python -m launch.translations` extracts into a copy, so the working tree stays as it is.
"""

from __future__ import annotations

import gettext
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from launch import ROOT

LANGUAGE = "ru"
APPS = ("accounts", "live", "gpu", "chats", "imaging", "ollamachat", "templates", "static", "locale")
IGNORED = shutil.ignore_patterns("vendor", "__pycache__", "*.mo", "node_modules")


def main() -> int:
    """Print what is wrong, a line each; returns the exit status."""
    if not shutil.which("xgettext"):
        print("gettext is missing: sudo apt install gettext")
        return 0 if "gettext" in os.environ.get("OC_LEFT_OUT", "").split(",") else 1
    faults = [*extraction_faults(ROOT), *compilation_faults(ROOT)]
    print("\n".join(faults) if faults else "Every marked string is translated.")
    return 1 if faults else 0


def extraction_faults(root: Path) -> list[str]:
    """Return the strings marked in the sources under `root` that no translation covers."""
    with tempfile.TemporaryDirectory(prefix="translations-") as name:
        copy = Path(name)
        for app in APPS:
            if (root / app).is_dir():
                shutil.copytree(root / app, copy / app, ignore=IGNORED)
        (copy / "locale" / LANGUAGE / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
        for domain in ("django", "djangojs"):
            _extract(copy, domain)
        catalogues = sorted(copy.glob(f"locale/{LANGUAGE}/LC_MESSAGES/*.po"))
        return [fault for path in catalogues for fault in _incomplete(path)]


def _extract(copy: Path, domain: str) -> None:
    command = [sys.executable, "-m", "django", "makemessages", "-l", LANGUAGE, "-d", domain, "--no-wrap"]
    subprocess.run([*command, "-v", "0"], cwd=copy, check=True, env=_plain_environment())


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}


def _incomplete(path: Path) -> Iterable[str]:
    for what, option in (("untranslated", "--untranslated"), ("fuzzy", "--only-fuzzy")):
        command = ["msgattrib", option, "--no-obsolete", "--no-wrap", str(path)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        entries = [line for line in found.splitlines() if line.startswith("msgid ") and line != 'msgid ""']
        yield from (f"{path.name}: {what}: {line.removeprefix('msgid ')}" for line in entries)


def compilation_faults(root: Path) -> list[str]:
    """Return the catalogues whose compiled form is missing or says something else."""
    sources = sorted(root.glob("locale/*/LC_MESSAGES/*.po"))
    return [
        f"{path.relative_to(root)}: compile it (manage.py compilemessages)"
        for path in sources
        if _is_stale(path)
    ]


def _is_stale(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    if not compiled.exists():
        return True
    with tempfile.NamedTemporaryFile(suffix=".mo") as fresh:
        subprocess.run(["msgfmt", "-o", fresh.name, str(source)], check=True)
        return _messages(Path(fresh.name)) != _messages(compiled)


def _messages(compiled: Path) -> dict[object, str]:
    with compiled.open("rb") as file:
        catalogue: dict[object, str] = vars(gettext.GNUTranslations(file))["_catalog"]
    return {key: text for key, text in catalogue.items() if key}


if __name__ == "__main__":
    sys.exit(main())
