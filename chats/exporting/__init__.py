"""A person's chats as files: whole as JSON, to be read as Markdown or HTML, all of them as one zip."""

from __future__ import annotations
