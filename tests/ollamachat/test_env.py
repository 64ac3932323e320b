from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ollamachat import env

SECRETS = [name for name, entry in env.NAMES.items() if entry.secret]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, **environ: str) -> dict[str, Any]:
    return env.read({"OLLAMA_CHAT_DATA": str(folder), **environ})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "8080", 8080),
        ("PORT", " 8080 ", 8080),
        ("PORT", "1", 1),
        ("PORT", "65535", 65535),
        ("GPU_MONITOR_INTERVAL", "0.5", 0.5),
        ("OLLAMA_CHAT_DEBUG", "true", True),
        ("OLLAMA_CHAT_DEBUG", "ON", True),
        ("OLLAMA_CHAT_DEBUG", "0", False),
        ("OLLAMA_CHAT_DEBUG", "", False),
        ("ALLOWED_HOSTS", "a, b ,,c", ["a", "b", "c"]),
        ("ALLOWED_HOSTS", "", []),
        ("OLLAMA_URL", "http://box:11434/", "http://box:11434"),
        ("OLLAMA_URL", "", ""),
        ("OLLAMA_URL", "http://[::1]:11434", "http://[::1]:11434"),
        ("SIGNUP_POLICY", "closed", "closed"),
        ("JWT_SECRET", "your-secret-key-here", ""),
        ("TAVILY_API_KEY", "your-tavily-api-key", ""),
        ("JWT_SECRET", "я" * 16, "я" * 16),
    ],
)
def test_a_value_is_read_as_its_kind(folder: Path, name: str, text: str, value: object) -> None:
    found = read(folder, **{name: text})[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("PORT", "0", "a whole number, at least 1, at most 65535"),
        ("PORT", "65536", "a whole number"),
        ("PORT", "80.5", "a whole number"),
        ("PORT", "", "a whole number"),
        ("PORT", "http\n", "a whole number"),
        ("PORT", "5000\nHOST=0.0.0.0", "a whole number"),
        ("GPU_WAIT_TIMEOUT", "0", "a number, at least 1"),
        ("GPU_WAIT_TIMEOUT", "nan", "a number"),
        ("GPU_WAIT_TIMEOUT", "inf", "a number"),
        ("GPU_VRAM_THRESHOLD", "101", "at most 100"),
        ("OLLAMA_CHAT_DEBUG", "perhaps", "true or false"),
        ("IMAGE_DEFAULT_HEIGHT", "1080", "a multiple of 16, at least 256, at most 2048"),
        ("IMAGE_DEFAULT_WIDTH", "4096", "a multiple of 16"),
        ("OLLAMA_URL", "localhost:11434", "a whole address"),
        ("OLLAMA_URL", "http://", "a whole address"),
        ("OLLAMA_URL", "http://[::1", "a whole address"),
        ("SIGNUP_POLICY", "ajar", "(empty), open, approval, invite, closed"),
        ("REDIS_KIND", "", "server, builtin, memory"),
        ("JWT_SECRET", "too short", "at least 32 bytes"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_says_what_is_allowed(
    folder: Path, name: str, text: str, allowed: str
) -> None:
    with pytest.raises(env.EnvError) as refused:
        read(folder, **{name: text})
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(f"{name}=")
    assert allowed in line
    assert env.NAMES[name].about in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DJANGO_SECRET_KEY", "hunter2"),
        ("JWT_SECRET", "hunter2"),
        ("REDIS_URL", "redis//:hunter2@host"),
        ("EMAIL_URL", "smtp:/user:hunter2@host"),
    ],
)
def test_a_refusal_never_shows_a_secret(folder: Path, name: str, text: str) -> None:
    with pytest.raises(env.EnvError) as refused:
        read(folder, **{name: text})
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).startswith(f"{name}=(hidden)")


def test_whatever_holds_a_password_is_a_secret() -> None:
    holding = {
        name for name in env.NAMES if name.endswith(("_PASSWORD", "_SECRET", "_SECRET_KEY", "_API_KEY"))
    }
    assert holding <= set(SECRETS)


def test_names_that_other_programs_use_change_nothing(folder: Path) -> None:
    """Shells carry DEBUG=* for Node's tools, and DEBUG=1 for other Django projects."""
    assert read(folder, DEBUG="*") == read(folder, DEBUG="1") == read(folder)


def test_without_any_setting_every_name_has_its_default(folder: Path) -> None:
    found = read(folder)
    assert set(found) == set(env.NAMES)
    for name, entry in env.NAMES.items():
        if name != "OLLAMA_CHAT_DATA":
            assert found[name] == ([] if entry.kind == "list" else entry.default)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(folder: Path) -> None:
    (folder / ".env").write_text("PORT=6000\nREDIS_PREFIX=${HOME}\nUNKNOWN=1\n", encoding="utf-8")
    assert read(folder)["PORT"] == 6000
    assert read(folder, PORT="7000")["PORT"] == 7000
    assert read(folder)["REDIS_PREFIX"] == "${HOME}"
    assert "UNKNOWN" not in read(folder)


def test_a_bad_value_in_the_file_is_refused_too(folder: Path) -> None:
    (folder / ".env").write_text("PORT=many\n", encoding="utf-8")
    with pytest.raises(env.EnvError, match="PORT='many'"):
        read(folder)


@pytest.mark.parametrize("entry", env.NAMES.values(), ids=lambda entry: str(entry.name))
def test_every_default_passes_its_own_check(entry: env.Name) -> None:
    text = str(entry.default).lower() if entry.kind == "bool" else str(entry.default)
    assert env.parse(entry, text) == ([] if entry.kind == "list" else entry.default)
    assert entry.about.endswith((".", "/0", "start)."))


def test_the_example_is_the_table_as_it_is_printed() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "ollamachat.env"],
        cwd=env.PROJECT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert (env.PROJECT / ".env.example").read_text(encoding="utf-8") == printed


def test_the_example_changes_nothing_as_it_stands_and_every_line_of_it_can_be_used(folder: Path) -> None:
    lines = env.example()
    (folder / ".env").write_text(lines, encoding="utf-8")
    assert read(folder) == read(folder / "elsewhere") | {"OLLAMA_CHAT_DATA": str(folder)}
    (folder / ".env").write_text(lines.replace("\n#", "\n").replace("\n ", "\n# "), encoding="utf-8")
    assert read(folder)["PORT"] == 5000
