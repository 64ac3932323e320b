"""Full-text search over what a person wrote and was answered, and over the titles of the chats.

One interface, `search.find`; the database's own index behind it: FTS5 (`sqlite`) or FULLTEXT (`mysql`).
"""

from __future__ import annotations
