"""Static files under hashed names, so that browsers keep them for good."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashes the imports between ES modules too, which Django leaves alone by default."""

    support_js_module_import_aggregation = True
    manifest_strict = False
