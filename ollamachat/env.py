"""The operator's settings: every environment name, its type, bounds and default.

The table is the single source: `read` checks the environment against it,
`.env.example` is its printed form (`python -m ollamachat.env`), and a test holds
the two together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

PROJECT = Path(__file__).resolve().parent.parent
TRUE_WORDS = {"true", "1", "yes", "on"}
FALSE_WORDS = {"false", "0", "no", "off", ""}
PLACEHOLDERS = {"your-secret-key-here", "your-tavily-api-key"}


class EnvError(SystemExit):
    """A setting that cannot be used; its text is the one line that the operator sees."""


@dataclass(frozen=True)
class Name:
    """One environment name.

    `kind` is str, int, float, bool, url (empty allowed), list (comma separated) or
    path; `low` and `high` bound numbers and the length in bytes of a secret. A number is a multiple of
    `step`.
    """

    name: str
    kind: str
    default: Any
    about: str
    low: float | None = None
    high: float | None = None
    step: int = 0
    choices: tuple[str, ...] = ()
    secret: bool = False


def _section(title: str, *names: Name) -> tuple[str, tuple[Name, ...]]:
    return title, names


SECTIONS = (
    _section(
        "Secrets (generated on the first start)",
        Name("DJANGO_SECRET_KEY", "str", "", "Signs sessions and links.", low=32, secret=True),
        Name("JWT_SECRET", "str", "", "Signs the tokens of the JSON API.", low=32, secret=True),
    ),
    _section(
        "Where people reach the app",
        Name("HOST", "str", "127.0.0.1", "Address to listen on; 0.0.0.0 for the home network."),
        Name("PORT", "int", 5000, "Port to listen on.", low=1, high=65535),
        Name("PUBLIC_URL", "url", "", "The address people type; https turns on secure cookies and HSTS."),
        Name(
            "TRUSTED_PROXIES",
            "list",
            "",
            "Addresses or networks of proxies on other machines, whose X-Forwarded-For counts.",
        ),
        Name("ALLOWED_HOSTS", "list", "", "Host names besides localhost and this machine's own."),
        Name(
            "LAN_ADDRESSES", "list", "", "This machine's addresses on the home network; start.py finds them."
        ),
        Name(
            "SIGNUP_POLICY",
            "str",
            "",
            "Who may sign up; empty: open on this computer alone, else (also with PUBLIC_URL) by invite.",
            choices=("", "open", "approval", "invite", "closed"),
        ),
        Name(
            "ADMIN_MAY_READ_CHATS",
            "bool",
            False,
            "Admins may read everybody's chats; everybody sees that it is so.",
        ),
        Name("CORS_ALLOWED_ORIGINS", "list", "", "Other sites whose pages may call the API; empty: none."),
        Name(
            "MEDIA_ACCEL",
            "str",
            "",
            "Address inside nginx of the folder of pictures (deploy/); empty: the app sends them.",
        ),
        Name("LOG_FORMAT", "str", "line", "How the log is written.", choices=("line", "json")),
        Name(
            "METRICS_TOKEN", "str", "", "Bearer token of /metrics; empty: this computer alone.", secret=True
        ),
        Name("OLLAMA_CHAT_DEBUG", "bool", False, "Django's debug pages, for development only."),
    ),
    _section(
        "Database (SQLite in the data folder unless DB_USE_MYSQL)",
        Name("DB_USE_MYSQL", "bool", False, "Use MySQL or MariaDB."),
        Name("DB_HOST", "str", "localhost", "MySQL's host."),
        Name("DB_PORT", "int", 3306, "MySQL's port.", low=1, high=65535),
        Name("DB_USER", "str", "root", "MySQL's user."),
        Name("DB_PASSWORD", "str", "", "MySQL's password.", secret=True),
        Name("DB_NAME", "str", "ollama_chat", "MySQL's database."),
    ),
    _section(
        "Redis (start.py runs one of its own unless this is set)",
        Name("REDIS_URL", "url", "", "redis://:password@host:port/0", secret=True),
        Name("REDIS_PREFIX", "str", "oc", "Prefix of every key and queue."),
    ),
    _section(
        "Ollama",
        Name("OLLAMA_URL", "url", "", "Ollama's address; empty: whatever answers at 127.0.0.1:11434."),
        Name("OLLAMA_DEFAULT_MODEL", "str", "gpt-oss:20b", "The model of a new chat, when it is installed."),
        Name("OLLAMA_VISION_MODEL", "str", "llava:13b", "The model that looks at pictures."),
        Name("OLLAMA_VISION_TIMEOUT", "float", 30, "Seconds for looking, once its model is loaded.", low=1),
        Name("CHAT_TITLES", "bool", True, "A model names chats while nobody waits for the card."),
        Name("OLLAMA_NUM_CTX", "int", 8192, "Context window in tokens of a model without one.", low=512),
        Name("OLLAMA_KEEP_ALIVE", "str", "30m", "How long a model stays loaded after its last answer."),
        Name(
            "GPU_OLLAMA_SLOTS",
            "int",
            1,
            "Answers at once; should equal OLLAMA_NUM_PARALLEL.",
            low=1,
            high=1024,
        ),
    ),
    _section(
        "Web search (optional)",
        Name("TAVILY_API_KEY", "str", "", "Key of the Tavily search service.", secret=True),
        Name("TAVILY_URL", "url", "", "Another address of it; empty: Tavily's own."),
        Name("TAVILY_MONTHLY_LIMIT", "int", 1000, "Searches a calendar month; 0: no limit.", low=0),
    ),
    _section(
        "ComfyUI",
        Name("COMFYUI_URL", "url", "", "ComfyUI's address; empty: whatever answers at 127.0.0.1:8188."),
        Name("COMFYUI_MODEL", "str", "flux1-dev-fp8", "Checkpoint or diffusion model, by its file's stem."),
        Name("COMFYUI_TIMEOUT", "float", 300, "Seconds without progress before a variant fails.", low=1),
        Name("COMFYUI_WORKFLOW_PATH", "path", "", "Own text-to-image workflow, API format."),
        Name("COMFYUI_WORKFLOW_IMG2IMG_PATH", "path", "", "Own image-to-image workflow, API format."),
    ),
    _section(
        "Pictures",
        Name("IMAGE_STORAGE_PATH", "path", "static/images", "Private folder inside the data folder."),
        Name("IMAGE_DEFAULT_WIDTH", "int", 1024, "Pixels.", low=256, high=2048, step=16),
        Name("IMAGE_DEFAULT_HEIGHT", "int", 1024, "Pixels.", low=256, high=2048, step=16),
        Name("IMAGE_MAX_WIDTH_UPLOAD", "int", 4096, "Pixels.", low=64),
        Name("IMAGE_MAX_HEIGHT_UPLOAD", "int", 4096, "Pixels.", low=64),
        Name("IMAGE_MAX_BYTES_UPLOAD", "int", 25 * 2**20, "Bytes of an uploaded picture.", low=2**16),
        Name(
            "IMAGE_MAX_SIZE_FOR_GENERATION", "int", 1024, "Longest side of a source picture, pixels.", low=256
        ),
    ),
    _section(
        "The card",
        Name("GPU_MONITOR_ENABLED", "bool", True, "Read the card's memory through NVML."),
        Name("GPU_INDEX", "int", 0, "Which card is shared, in the order of the PCI bus.", low=0),
        Name("GPU_MONITOR_INTERVAL", "float", 2, "Seconds between samples.", low=0.2),
        Name(
            "GPU_VRAM_THRESHOLD", "float", 90, "Warn above this share of memory, per cent.", low=1, high=100
        ),
        Name("GPU_MIN_FREE_VRAM_MB", "int", 1024, "Memory that must be free before a grant, MiB.", low=0),
        Name(
            "GPU_WAIT_TIMEOUT",
            "float",
            300,
            "Seconds a line may stand still before its people are asked.",
            low=1,
        ),
        Name("GPU_PRIORITY_COMFYUI", "int", 10, "Priority of pictures in the line."),
        Name("GPU_PRIORITY_OLLAMA", "int", 5, "Priority of answers in the line."),
        Name("GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI", "bool", True, "Warm the chat model after pictures."),
        Name("GPU_RESTORE_GRACE", "float", 20, "Seconds without a picture before that.", low=0),
        Name(
            "GPU_HANDOFF",
            "str",
            "exclusive",
            "exclusive: one service at a time; shared: both fit the card; none: a card each.",
            choices=("exclusive", "shared", "none"),
        ),
        Name(
            "GPU_POLICY",
            "str",
            "household",
            "Who is next: household (fair between people), strict (priority alone), fifo.",
            choices=("household", "strict", "fifo"),
        ),
        Name("GPU_SETTLE", "float", 1, "Seconds for memory to come back where NVML can't be read.", low=0),
        Name("GPU_THINK_BATCH", "int", 8, "Descriptions that go ahead of a waiting picture.", low=1, high=64),
        Name("GPU_LEASE_TTL", "float", 15, "Seconds that a lease outlives its holder.", low=1),
        Name("GPU_LEASE_RENEW", "float", 5, "Seconds between two renewals of a lease.", low=0.1),
        Name("GPU_LEASE_CLAIM", "float", 10, "Seconds for a worker to take what was granted.", low=0.5),
    ),
    _section(
        "Process manager (optional, on the machine with the card)",
        Name("PROCESS_MANAGER_API_URL", "url", "", "Empty: hand-off by unloading only."),
        Name("PROCESS_MANAGER_TOKEN", "str", "", "The process manager's bearer token.", secret=True),
        Name("PROCESS_SWITCH_TIMEOUT", "float", 30, "Seconds for a service to become ready.", low=1),
        Name(
            "PROCESS_STARTUP_WAIT", "float", 10, "Longest wait for readiness after a start, seconds.", low=0
        ),
        Name("PROCESS_RESTORE_ON_RELEASE", "bool", True, "Restart a process that we stopped."),
    ),
    _section(
        "Accepted from older set-ups and not used",
        Name("REACT_APP_API_URL", "url", "", "Pages and API have one address here."),
    ),
    _section(
        "Mail (optional; without it the admin hands out one-time links)",
        Name(
            "EMAIL_URL",
            "url",
            "",
            "smtp://user:password@host:587 (smtps:// for TLS from the start).",
            secret=True,
        ),
        Name(
            "EMAIL_VERIFICATION",
            "str",
            "none",
            "Whether people confirm their address by mail: none, optional, mandatory.",
            choices=("none", "optional", "mandatory"),
        ),
        Name("EMAIL_FROM", "str", "ollama-chat@localhost", "Sender of the app's mail."),
    ),
    _section(
        "Timers in seconds; tests shrink them",
        Name("LLM_THREADS", "int", 256, "Answers one worker process can hold at once.", low=1, high=4096),
        Name("ANSWER_CHECKPOINT", "float", 1, "A running answer is saved at least this often.", low=0.05),
        Name("ANSWER_HEARTBEAT", "float", 5, "A worker's sign of life on its rows.", low=0.1),
        Name("ANSWER_STALE", "float", 15, "A running answer without a heartbeat is interrupted.", low=0.3),
        Name("ANSWER_UNCLAIMED", "float", 10, "A queued answer that no worker took is sent again.", low=0.3),
        Name("SWEEP_INTERVAL", "float", 5, "Seconds between looks for such rows.", low=0.1),
        Name("PROBE_INTERVAL", "float", 60, "Seconds between looks for Ollama and ComfyUI.", low=0.2),
        Name("SNAPSHOT_INTERVAL", "float", 10, "Seconds between looks at what Ollama has.", low=0.2),
    ),
    _section(
        "Set by start.py for its own processes",
        Name("OLLAMA_CHAT_DATA", "path", "", "The data folder."),
        Name("OLLAMA_ENGINE_URL", "url", "", "The stand-in model that runs while no Ollama is found."),
        Name("COMFYUI_ENGINE_URL", "url", "", "The stand-in that draws while nothing real is found."),
        Name("REDIS_KIND", "str", "server", "Which Redis runs.", choices=("server", "builtin", "memory")),
        Name("REDIS_PASSWORD", "str", "", "Password of start.py's own Redis.", secret=True),
    ),
)

NAMES: dict[str, Name] = {name.name: name for _title, names in SECTIONS for name in names}

UNUSED = {"REACT_APP_API_URL"}


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds database, secrets, Redis and pictures."""
    return Path(environ.get("OLLAMA_CHAT_DATA") or PROJECT / "data").resolve()


def read(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return every setting by name, from the environment, else the data folder's `.env`, else the default.

    Raises EnvError (the process ends with its one line) on the first value that cannot be used.
    """
    stored = dotenv_values(data_folder(environ) / ".env", interpolate=False)
    found = {name: environ.get(name, stored.get(name)) for name in NAMES}
    return {name: parse(NAMES[name], text) for name, text in found.items()}


def join_running(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let a command see what start.py has chosen for the app that it runs: its Redis above all.

    The environment and `.env` win over it.
    """
    folder = data_folder(environ)
    stored, running = (dotenv_values(folder / name, interpolate=False) for name in (".env", "running.env"))
    for name, value in running.items():
        if value and name in NAMES and not stored.get(name):
            environ.setdefault(name, value)


def given(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the names that the operator has set to something, in the environment or in `.env`."""
    stored = dotenv_values(data_folder(environ) / ".env", interpolate=False)
    return frozenset(name for name in NAMES if (environ.get(name, stored.get(name)) or "").strip())


def parse(name: Name, text: str | None) -> Any:
    """Return `text` as the type that `name` asks for; None gives the default."""
    if text is None:
        text = "" if name.kind == "list" else None
        return _PARSERS[name.kind](name, "") if text == "" else name.default
    text = text.strip()
    if name.secret and text in PLACEHOLDERS:
        text = ""  # an example pasted as it stands is no secret
    return _PARSERS[name.kind](name, text)


def _refuse(name: Name, text: str, allowed: str) -> EnvError:
    shown = "(hidden)" if name.secret else repr(text)
    return EnvError(f"{name.name}={shown} cannot be used: {name.about} Allowed: {allowed}.")


def _parse_str(name: Name, text: str) -> str:
    if name.choices and text not in name.choices:
        raise _refuse(name, text, ", ".join(choice or "(empty)" for choice in name.choices))
    if text and name.secret and name.low and len(text.encode()) < name.low:
        raise _refuse(name, text, f"at least {name.low:g} bytes")
    return text


def _parse_number(name: Name, text: str) -> float:
    try:
        value = int(text) if name.kind == "int" else float(text)
    except ValueError:
        raise _refuse(name, text, _bounds(name)) from None
    below = name.low is not None and value < name.low
    no_number = value - value != 0  # nan and inf
    above = name.high is not None and value > name.high
    if no_number or below or above or (name.step and value % name.step):
        raise _refuse(name, text, _bounds(name))
    return value


def _bounds(name: Name) -> str:
    kind = "a whole number" if name.kind == "int" else "a number"
    kind = f"a multiple of {name.step}" if name.step else kind
    low = f", at least {name.low:g}" if name.low is not None else ""
    high = f", at most {name.high:g}" if name.high is not None else ""
    return kind + low + high


def _parse_bool(name: Name, text: str) -> bool:
    if text.lower() not in TRUE_WORDS | FALSE_WORDS:
        raise _refuse(name, text, "true or false")
    return text.lower() in TRUE_WORDS


def _parse_url(name: Name, text: str) -> str:
    try:
        usable = not text or bool(urlsplit(text).scheme and urlsplit(text).hostname)
    except ValueError:
        usable = False
    if not usable:
        raise _refuse(name, text, "a whole address such as http://localhost:11434")
    return text.rstrip("/")


def _parse_list(_name: Name, text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


_PARSERS = {
    "str": _parse_str,
    "path": _parse_str,
    "int": _parse_number,
    "float": _parse_number,
    "bool": _parse_bool,
    "url": _parse_url,
    "list": _parse_list,
}


def example() -> str:
    """Return the text of `.env.example`: each name with its default, commented out."""
    lines = [
        "# Copy what you want to change into `.env` in the data folder (data/, or what --data-dir says).",
        "# The environment wins over that file. Times are seconds, sizes as said.",
    ]
    for title, names in SECTIONS:
        lines += ["", f"# --- {title}"]
        for name in names:
            default = str(name.default).lower() if name.kind == "bool" else name.default
            lines += [f"# {name.about}", f"#{name.name}={default}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(example(), end="")  # noqa: T201
