"""The API's own pages, from local files, each with the policy that its viewer needs."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

# Both viewers set style attributes, and Redoc searches in a worker of its own; no other page may.
docs = csp_replace({"style-src": [SELF, UNSAFE_INLINE]})(
    SpectacularSwaggerSplitView.as_view(template_name="ollamachat/docs.html")
)
redoc = csp_replace({"style-src": [SELF, UNSAFE_INLINE], "worker-src": ["blob:"]})(
    SpectacularRedocView.as_view(template_name="ollamachat/redoc.html")
)
