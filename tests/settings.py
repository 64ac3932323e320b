"""The app's own settings, over a temporary data folder and a real Redis."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from ollamachat import env
from tests import redis_server

KEPT = ("DB_",)  # so that the suite can also run over MySQL

for name in env.NAMES:
    if not name.startswith(KEPT):
        os.environ.pop(name, None)
data = tempfile.mkdtemp(prefix="ollama-chat-tests-")
atexit.register(shutil.rmtree, data, ignore_errors=True)
os.environ |= {
    "OLLAMA_CHAT_DATA": data,
    "DJANGO_SECRET_KEY": "a key that only the tests know, fifty letters long.",
    "JWT_SECRET": "another one for tokens, thirty-two letters",
    "REDIS_URL": redis_server.start(),
    "REDIS_PREFIX": "test",
    "SIGNUP_POLICY": "open",
    "GPU_OLLAMA_SLOTS": "64",
    "CHAT_TITLES": "false",
}

from ollamachat.settings import *  # noqa: E402, F403
from ollamachat.settings import DATABASES, REST_FRAMEWORK, STORAGES  # noqa: E402

# Threads of one test share this file; an in-memory database would be one a thread.
SQLITE = {"NAME": Path(data) / "test.sqlite3"}
MYSQL = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
DATABASES["default"]["TEST"] = MYSQL if DATABASES["default"].get("HOST") else SQLITE
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
STATIC_ROOT = Path(data) / "static"
STATIC_ROOT.mkdir()
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK |= {"DEFAULT_THROTTLE_RATES": {"door": "10000/min", "refresh": "10000/min"}}
ACCOUNT_RATE_LIMITS = False
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
