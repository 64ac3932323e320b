"""QR codes as SVG that stands in the page itself: no request, no data URI, no style attribute."""

from __future__ import annotations

import segno
from django.utils.safestring import SafeString, mark_safe

SCALE = 5  # pixels a module
BORDER = 3  # modules of white around it, also on dark pages, or no camera finds it


def svg(text: str) -> SafeString:
    """Return the code of a text; the drawing holds numbers and colours alone, never the text."""
    drawn: str = segno.make(text, error="m", micro=False).svg_inline(
        scale=SCALE, border=BORDER, svgclass="qr", lineclass=None, dark="#000", light="#fff"
    )
    return mark_safe(drawn)  # noqa: S308 - made of numbers by segno
