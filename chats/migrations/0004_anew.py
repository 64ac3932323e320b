"""Messages are rendered anew with formulas, footnotes and task lists: what is kept is only a cache."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def forget_html(apps: Any, _schema_editor: Any) -> None:
    """Drop the kept HTML of all messages; each is rendered when it is next looked at."""
    apps.get_model("chats", "Message").objects.exclude(html="").update(html="")


class Migration(migrations.Migration):
    """Touches no column."""

    dependencies = [("chats", "0003_words")]
    operations = [migrations.RunPython(forget_html, migrations.RunPython.noop)]
