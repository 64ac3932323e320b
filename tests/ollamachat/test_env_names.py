"""What each name of the original set-up changes here: one row a name, and none is missing."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from django.test import override_settings

from chats.websearch import provider
from gpu import choices, endpoints, monitor, status
from gpu.arbiter import CHAT, DRAW, Card, Ticket, line
from gpu.services.errors import ServiceDownError
from gpu.snapshot import Known, Snapshot
from imaging import composing, orders, parts, sources, storage
from imaging.models import StoredFile
from launch.ports import free_port
from ollamachat import env
from ollamachat.doctor import safety
from tests.seed import BLOCKS

pytestmark = pytest.mark.django_db

SECRET = "the tests' own secret, longer than 32 bytes"
PORT = free_port()
MODELS = Snapshot(
    "ready",
    models=(
        Known("usual:1b", 1),
        Known("wished:1b", 1),
        Known("sees:1b", 1, ("vision",)),
        Known("eye:1b", 1, ("vision",)),
    ),
)


class Row(NamedTuple):
    """`look` sees what the name changes, once `text` is set: there it is `after`, and without `before`."""

    text: str
    look: Callable[[], Any]
    before: Any
    after: Any


def setting(name: str) -> Callable[[], Any]:
    """Return a look at a setting that is used where it is named, with nothing in between."""

    def look() -> Any:
        from django.conf import settings

        return getattr(settings, name)

    return look


def database(name: str) -> Callable[[], Any]:
    return lambda: SEEN["DATABASES"]["default"].get(name)


def address(find: Callable[[], Any]) -> Callable[[], str]:
    """Return a look at the address where a service is sought: nothing is there, and the error names it."""

    def look() -> str:
        try:
            return str(find().url)
        except ServiceDownError as error:
            return str(error.about["url"])

    return look


def own_workflow(kind: str) -> Callable[[], str]:
    def look() -> str:
        own = composing.find_own(kind)
        return own.name if own else ""

    return look


def stored() -> str:
    folder = storage.path(StoredFile(sha256="ab" * 32, content_type="image/png")).parents[1]
    return folder.parent.name + "/" + folder.name


def stands_still() -> bool:
    """Return whether people are asked when the line has not moved for 100 s."""
    return status._stands_still(Card(tickets=[Ticket("chat", 1, 1)], moved_at=0), 100_000)


def is_stale() -> bool:
    """Return whether a reading of 30 s ago is too old to be shown."""
    import time

    return monitor.Reading(at=time.time() - 30).stale


def switch_wait() -> float:
    with override_settings(PROCESS_MANAGER_API_URL="http://127.0.0.1:8888"):
        manager = endpoints.process_manager()
    assert manager
    return manager._wait


def told_as_unused() -> list[str]:
    return [finding.name for finding in safety.check_settings()]


SEEN: dict[str, Any] = {}
NAMES = {
    "JWT_SECRET": Row(SECRET, lambda: SEEN["SIMPLE_JWT"]["SIGNING_KEY"] == SECRET, False, True),
    "DB_USE_MYSQL": Row("true", database("ENGINE"), "django.db.backends.sqlite3", "ollamachat.mysql"),
    "DB_HOST": Row("box", database("HOST"), "127.0.0.1", "box"),
    "DB_PORT": Row("3307", database("PORT"), 3306, 3307),
    "DB_USER": Row("chat", database("USER"), "root", "chat"),
    "DB_PASSWORD": Row("hidden", database("PASSWORD"), "", "hidden"),
    "DB_NAME": Row("chats", database("NAME"), "ollama_chat", "chats"),
    "OLLAMA_URL": Row(
        f"http://127.0.0.1:{PORT}/",
        address(endpoints.find_ollama),
        endpoints.CUSTOMARY,
        f"http://127.0.0.1:{PORT}",
    ),
    "OLLAMA_DEFAULT_MODEL": Row(
        "wished:1b", lambda: choices.model_for(choices.CHAT, MODELS), "usual:1b", "wished:1b"
    ),
    "OLLAMA_VISION_MODEL": Row(
        "eye:1b", lambda: choices.model_for(choices.VISION, MODELS), "sees:1b", "eye:1b"
    ),
    "OLLAMA_VISION_TIMEOUT": Row("60", setting("OLLAMA_VISION_TIMEOUT"), 30, 60),
    "TAVILY_API_KEY": Row("tvly-1", provider.is_set_up, False, True),
    "COMFYUI_URL": Row(
        f"http://127.0.0.1:{PORT}",
        address(endpoints.find_comfyui),
        endpoints.CUSTOMARY_COMFYUI,
        f"http://127.0.0.1:{PORT}",
    ),
    "COMFYUI_MODEL": Row(
        "flux1-krea", lambda: parts.tool(SimpleNamespace(pk=0))["model"], "flux1-dev-fp8", "flux1-krea"
    ),
    "COMFYUI_TIMEOUT": Row("60", setting("COMFYUI_TIMEOUT"), 300, 60),
    "COMFYUI_WORKFLOW_PATH": Row("{workflow}", own_workflow("txt2img"), "", "own.json"),
    "COMFYUI_WORKFLOW_IMG2IMG_PATH": Row("{workflow}", own_workflow("img2img"), "", "own.json"),
    "IMAGE_STORAGE_PATH": Row("kept/here", stored, "static/images", "kept/here"),
    "IMAGE_DEFAULT_WIDTH": Row("832", lambda: usual_side("width"), 1024, 832),
    "IMAGE_DEFAULT_HEIGHT": Row("1216", lambda: usual_side("height"), 1024, 1216),
    "IMAGE_MAX_WIDTH_UPLOAD": Row("2048", lambda: sources.limits().width, 4096, 2048),
    "IMAGE_MAX_HEIGHT_UPLOAD": Row("2048", lambda: sources.limits().height, 4096, 2048),
    "IMAGE_MAX_SIZE_FOR_GENERATION": Row("768", lambda: sources.limits().longest_side, 1024, 768),
    "GPU_MONITOR_ENABLED": Row("false", lambda: monitor._look()[1] == "off", False, True),
    "GPU_MONITOR_INTERVAL": Row("20", is_stale, True, False),
    "GPU_VRAM_THRESHOLD": Row("80", setting("GPU_VRAM_THRESHOLD"), 90, 80),
    "GPU_MIN_FREE_VRAM_MB": Row("2048", lambda: line.rules().min_free_mb, 1024, 2048),
    "GPU_WAIT_TIMEOUT": Row("60", stands_still, False, True),
    "GPU_PRIORITY_COMFYUI": Row("3", lambda: line.priority_of(DRAW), 10, 3),
    "GPU_PRIORITY_OLLAMA": Row("7", lambda: line.priority_of(CHAT), 5, 7),
    "GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI": Row("false", lambda: line.rules().restore, True, False),
    "PROCESS_MANAGER_API_URL": Row(
        "http://box:8888", lambda: endpoints.process_manager() is not None, False, True
    ),
    "PROCESS_SWITCH_TIMEOUT": Row("60", switch_wait, 30, 60),
    "PROCESS_STARTUP_WAIT": Row("20", setting("PROCESS_STARTUP_WAIT"), 10, 20),
    "PROCESS_RESTORE_ON_RELEASE": Row("false", setting("PROCESS_RESTORE_ON_RELEASE"), True, False),
    "REACT_APP_API_URL": Row("http://box:5000", told_as_unused, [], ["settings"]),
}


def usual_side(field: str) -> int:
    from django.conf import settings

    return orders.checked_side(field, None, getattr(settings, f"IMAGE_DEFAULT_{field.upper()}"))


def run_settings() -> dict[str, Any]:
    """Return every setting as the app's processes would have it under the environment of now."""
    made = runpy.run_path(str(env.PROJECT / "ollamachat" / "settings.py"))
    return {name: value for name, value in made.items() if name.isupper()}


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any of the operator's settings."""
    for name in env.NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_CHAT_DATA", str(tmp_path))
    monkeypatch.setenv("DJANGO_SECRET_KEY", "a key that only the tests know, fifty letters long.")
    return monkeypatch


def look_under(made: dict[str, Any], look: Callable[[], Any]) -> Any:
    """Return what `look` sees under those settings; the database stays the tests' own."""
    SEEN.clear()
    SEEN.update(made)
    kept = {"DATABASES", "CACHES", "CHANNEL_LAYERS", "REDIS_URL", "REDIS_PREFIX", "ENV"}
    with override_settings(**{name: value for name, value in made.items() if name in used() - kept}):
        return look()


def used() -> set[str]:
    """Return the settings that take a name of the environment over."""
    return {*env.NAMES, "OPERATOR_MODELS"}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_changes_what_it_says(name: str, plain: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = NAMES[name]
    path = tmp_path / "own.json"
    path.write_text('{"1": {"class_type": "SaveImage", "inputs": {}}}')
    if name.startswith("DB_") and name != "DB_USE_MYSQL":
        plain.setenv("DB_USE_MYSQL", "true")
    assert look_under(run_settings(), row.look) == row.before
    plain.setenv(name, row.text.format(workflow=path))
    assert look_under(run_settings(), row.look) == row.after


@pytest.mark.parametrize(
    ("host", "public_url", "policy"),
    [
        ("127.0.0.1", "", "open"),
        ("::1", "", "open"),
        ("127.0.0.1", "https://chat.example.org", "invite"),
        ("127.0.0.1", "http://chat.home", "invite"),
        ("0.0.0.0", "", "invite"),
        ("0.0.0.0", "https://chat.example.org", "invite"),
    ],
)
def test_signing_up_is_open_where_nobody_else_can_come(
    plain: pytest.MonkeyPatch, host: str, public_url: str, policy: str
) -> None:
    plain.setenv("HOST", host)
    plain.setenv("PUBLIC_URL", public_url)
    assert run_settings()["SIGNUP_POLICY"] == policy


def test_every_name_of_the_original_set_up_has_its_row() -> None:
    written = re.findall(r"^([A-Z_0-9]+)=", BLOCKS, re.MULTILINE)
    assert len(written) == 36
    assert set(written) == set(NAMES)
    assert set(written) <= set(env.NAMES)


def test_the_original_blocks_can_be_read_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(BLOCKS)
    found = env.read({"OLLAMA_CHAT_DATA": str(tmp_path)})
    assert found["DB_USE_MYSQL"] is True
    assert found["DB_PASSWORD"] == "your-password"
    assert found["JWT_SECRET"] == ""  # the example's own is none
    assert found["COMFYUI_WORKFLOW_PATH"] == "C:/ComfyUI_windows_portable/ComfyUI/Flux.json"
