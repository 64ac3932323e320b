"""The API's own pages, from local files, each with the policy that its viewer needs."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

# YAML, or JSON for who accepts that; everything else of the API is JSON whatever is accepted.
schema = SpectacularAPIView.as_view(content_negotiation_class=DefaultContentNegotiation)

# Both viewers set style attributes, and Redoc searches in a worker of its own; no other page may.
docs = csp_replace({"style-src": [SELF, UNSAFE_INLINE]})(
    SpectacularSwaggerSplitView.as_view(template_name="ollamachat/docs.html")
)
redoc = csp_replace({"style-src": [SELF, UNSAFE_INLINE], "worker-src": ["blob:"]})(
    SpectacularRedocView.as_view(template_name="ollamachat/redoc.html")
)
