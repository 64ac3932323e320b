"""The gate for translations, over small trees of templates and catalogues."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from launch.translations import compilation_faults, extraction_faults

pytestmark = pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed")

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with one marked string, translated."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text('{% load i18n %}{% translate "Send" %}')
    _write(tmp_path, 'msgid "Send"\nmsgstr "Отправить"\n')
    return tmp_path


def _write(root: Path, entries: str) -> Path:
    folder = root / "locale" / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "django.po").write_text(HEADER + entries)
    subprocess.run(["msgfmt", "-o", folder / "django.mo", folder / "django.po"], check=True)
    return folder


def test_a_complete_catalogue_has_no_faults(tree: Path) -> None:
    assert extraction_faults(tree) == []
    assert compilation_faults(tree) == []


def test_a_marked_string_without_translation_is_named(tree: Path) -> None:
    (tree / "templates" / "page.html").write_text(
        '{% load i18n %}{% translate "Send" %}{% translate "Stop" %}'
    )

    assert extraction_faults(tree) == ['django.po: untranslated: "Stop"']


def test_a_guessed_translation_is_named(tree: Path) -> None:
    _write(tree, '#, fuzzy\nmsgid "Send"\nmsgstr "Отправить"\n')

    assert extraction_faults(tree) == ['django.po: fuzzy: "Send"']


def test_strings_of_scripts_count_too(tree: Path) -> None:
    (tree / "static").mkdir()
    (tree / "static" / "page.js").write_text('button.textContent = gettext("Copy");')

    assert extraction_faults(tree) == ['djangojs.po: untranslated: "Copy"']


def test_the_working_tree_stays_as_it_is(tree: Path) -> None:
    (tree / "templates" / "page.html").write_text('{% load i18n %}{% translate "New" %}')
    before = (tree / "locale/ru/LC_MESSAGES/django.po").read_text()

    extraction_faults(tree)

    assert (tree / "locale/ru/LC_MESSAGES/django.po").read_text() == before


def test_a_catalogue_that_was_not_compiled_again_is_named(tree: Path) -> None:
    folder = _write(tree, 'msgid "Send"\nmsgstr "Отправить"\n')
    source = folder / "django.po"
    source.write_text(source.read_text().replace("Отправить", "Послать"))

    assert compilation_faults(tree) == [
        "locale/ru/LC_MESSAGES/django.po: compile it (manage.py compilemessages)"
    ]
    (folder / "django.mo").unlink()
    assert len(compilation_faults(tree)) == 1
