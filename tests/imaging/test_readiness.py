"""What the composer says while pictures cannot be drawn: to admins what to do, to others that they wait."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from gpu import watch
from imaging import readiness
from imaging.models import Workflow
from tests.imaging import graphs
from tests.imaging.studio import Studio


def shown(client: Client) -> str:
    """Return the set-up card as it is now."""
    watch.look_at_comfyui()
    readiness.look()
    return " ".join(client.get("/pictures/setup/").content.decode().split())


def broken() -> dict[str, Any]:
    graph = graphs.custom()
    graph["13"]["class_type"] = "TheirDecoder"
    return graph


def test_nothing_is_said_where_nothing_is_missing(studio: Studio, admin_client: Client) -> None:
    assert "<section" not in shown(admin_client)


def test_an_admin_is_told_how_comfyui_is_set_up(
    studio: Studio, admin_client: Client, alice_client: Client
) -> None:
    studio.comfyui.stop()
    card = shown(admin_client)
    for part in (studio.comfyui.url, "flux1-dev-fp8 (about 17 GB)", "models/checkpoints", "Check again"):
        assert part in card
    assert "being set up" in shown(alice_client)
    assert studio.comfyui.url not in shown(alice_client)
    assert "Set up pictures" in admin_client.get("/").content.decode()


def test_a_broken_workflow_is_told_to_admins_while_the_built_in_one_draws(
    studio: Studio, admin_client: Client, alice_client: Client
) -> None:
    Workflow.objects.create(name="Mine", kind="txt2img", graph=broken(), serves="txt2img")
    card = shown(admin_client)
    assert "TheirDecoder" in card
    assert "the built-in workflow draws" in card
    assert "<section" not in shown(alice_client)


@override_settings(COMFYUI_MODEL="flux1-schnell")
@pytest.mark.parametrize("own", [False, True])
def test_others_wait_while_nothing_can_draw(
    studio: Studio, admin_client: Client, alice_client: Client, own: bool
) -> None:
    if own:
        Workflow.objects.create(name="Mine", kind="txt2img", graph=broken(), serves="txt2img")
    card = shown(admin_client)
    assert ("TheirDecoder" in card, "flux1-schnell" in card) == (own, True)
    assert "the built-in workflow draws" not in card
    assert "being set up" in shown(alice_client)


def test_somebody_who_is_not_signed_in_is_told_nothing(client: Client, db: None) -> None:
    assert client.get("/pictures/setup/").status_code == 302
