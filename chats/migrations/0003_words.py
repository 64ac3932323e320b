from __future__ import annotations

from typing import Any

from django.db import migrations

from chats.finding import search


def make_index(_apps: Any, _schema_editor: Any) -> None:
    """Make the full-text index of what is there already."""
    search.backend().install()


def drop_index(_apps: Any, _schema_editor: Any) -> None:
    search.backend().uninstall()


class Migration(migrations.Migration):
    dependencies = [("chats", "0002_manage")]
    operations = [migrations.RunPython(make_index, drop_index)]
