"""The ASGI application: Django for HTTP, one consumer for websockets."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollamachat.settings")
django.setup(set_prefix=False)  # first, and once: it loads the apps that the rest imports

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path  # noqa: E402

from live.consumers import LiveConsumer  # noqa: E402
from ollamachat.one_hop import OneHopHandler  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": OneHopHandler(),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([path("ws/", LiveConsumer.as_asgi())]))
        ),
    }
)
