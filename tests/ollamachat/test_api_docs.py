"""docs/api.md is run as it stands, against the app's own processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.processes import ROOT, App, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.ollama_script import Script
from tests.standins.tavily import KEY, ScriptedTavily

pytestmark = pytest.mark.processes

DOCS = ROOT / "docs" / "api.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXPECTED = re.compile(r"^(status .*?)\s+# (\d{3})$", re.MULTILINE)
CURL = "silent\nshow-error\nfail-with-body\nmax-time = 60\n"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    models = {"OLLAMA_VISION_MODEL": "smollm2-vision:135m"}
    with ScriptedComfyUI() as comfyui, ScriptedTavily() as tavily:
        tavily.finds(("The Moon", "https://moon.example/", "It is 384,400 km away."))
        search = {"TAVILY_API_KEY": KEY, "TAVILY_URL": tavily.url}
        with running_app(COMFYUI_URL=comfyui.url, GPU_HANDOFF="none", **models, **search) as app:
            app.ollama.default = Script(tokens=["It ", "is ", "so."])
            app.person("admin", role="admin")
            yield app


def script_of(text: str, url: str) -> str:
    """Return the blocks as one script that ends at the first call that does not do what is said."""
    lines = "\n".join(BLOCK.findall(text)).replace("URL=http://localhost:5000", f"URL={url}", 1)
    checked = EXPECTED.sub(r'test "$(\1)" = \2', lines)
    return f"set -euo pipefail\n{checked}"


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / ".curlrc").write_text(CURL)
    Image.new("RGB", (300, 200), "teal").save(folder / "photo.jpg")
    environment = {"PATH": os.environ["PATH"], "CURL_HOME": str(folder), "HOME": str(folder)}
    command = ["bash", "-x", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_every_line_of_the_docs_does_what_it_says(app: App, tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert text.count("\nstatus ") == len(EXPECTED.findall("\n".join(BLOCK.findall(text))))
    ran = run(script_of(text, app.url), tmp_path)
    assert ran.returncode == 0, f"{ran.stderr[-3000:]}\n{ran.stdout[-2000:]}\n{app.logs()}"
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "chat.json").read_text())
    assert "event: end" in ran.stdout
    assert "https://moon.example/" in ran.stdout


def test_the_docs_walk_by_every_call(app: App) -> None:
    schema: Any = requests.get(
        f"{app.url}/api/schema", headers={"Accept": "application/json"}, timeout=30
    ).json()
    text = re.sub(r"\$\w+|\{\w+\}", "{}", DOCS.read_text(encoding="utf-8"))
    missing = [path for path in schema["paths"] if path.startswith("/api/") and _named(path) not in text]
    assert missing == []


def _named(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)
