"""What admins do with the card and the models stands in the audit log, with the address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from gpu import arbiter
from gpu.snapshot import Known
from tests.chats.conversation import know_models

MODEL = "smollm2:135m"


@pytest.fixture(autouse=True)
def card() -> None:
    arbiter.transact("see", resident=arbiter.OLLAMA)
    know_models(Known(MODEL, 1))


@pytest.mark.parametrize(
    ("path", "form", "noted"),
    [
        ("/card/borrow/", {"minutes": "5"}, "card.borrowed none"),
        ("/card/give-back/", {}, "card.given_back "),
        ("/card/switch/", {"service": "comfyui", "force": "1"}, "card.switched comfyui"),
        ("/card/free/", {}, "card.freed "),
        ("/card/pause/", {"on": "1"}, "line.paused "),
        ("/card/pause/", {}, "line.resumed "),
        ("/card/drain/", {"on": "1"}, "line.drained "),
        ("/card/drain/", {}, "line.opened "),
        ("/card/retry/", {"service": "comfyui"}, "card.tried_again comfyui"),
        ("/models/pull/", {"model": "llama3.2:1b"}, "model.pulled llama3.2:1b"),
        ("/models/delete/", {"model": MODEL}, f"model.deleted {MODEL}"),
        ("/models/unload/", {"model": MODEL}, f"model.unloaded {MODEL}"),
        ("/models/settings/", {"model": MODEL, "num_ctx": "4096"}, f"model.configured {MODEL}"),
        ("/models/choose/", {"model": MODEL, "purpose": "title"}, f"model.chosen {MODEL}"),
    ],
)
def test_it_is_noted(admin_client: Client, path: str, form: dict[str, Any], noted: str) -> None:
    response = admin_client.post(path, form, REMOTE_ADDR="192.0.2.7")
    assert response.status_code < 400, response.content
    entry = AuditEntry.objects.get()
    assert f"{entry.action} {entry.target}" == noted
    assert (entry.actor_name, entry.address) == ("admin", "192.0.2.7")


def test_what_is_refused_is_not_noted(alice_client: Client) -> None:
    assert alice_client.post("/card/pause/", {"on": "1"}).status_code == 403
    assert not AuditEntry.objects.exists()
