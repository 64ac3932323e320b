"""Secrets, and what is open to the network."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from accounts.models import User
from ollamachat import env
from ollamachat.doctor.findings import Finding, fine, trouble

LEAST_LETTERS = 8  # different ones; a random secret of 32 has about 25
PLACEHOLDERS = {"", "your-password"}


def check_secrets() -> Iterator[Finding]:
    """Yield whether the secrets are hard to guess and hidden from others."""
    found = list(_secrets())
    yield from found or [fine("secrets", "secrets")]


def _secrets() -> Iterator[Finding]:
    for name, value in (
        ("DJANGO_SECRET_KEY", settings.SECRET_KEY),
        ("JWT_SECRET", settings.ENV["JWT_SECRET"]),
    ):
        if value and (len(set(value)) < LEAST_LETTERS or value.startswith("django-insecure-")):
            yield trouble("secrets", "secret_weak", name=name)
    path = settings.DATA_DIR / ".env"
    if _others_may_read(path):
        yield trouble("secrets", "secret_readable", path=path)
    if settings.ENV["DB_USE_MYSQL"] and settings.ENV["DB_PASSWORD"] in PLACEHOLDERS:
        yield trouble("secrets", "database_password")


def _others_may_read(path: Path) -> bool:
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def check_doors() -> Iterator[Finding]:
    """Yield what the network can reach and should not."""
    found = list(_doors())
    yield from found or [fine("doors", "doors")]


def _doors() -> Iterator[Finding]:
    on_network = not settings.ON_LOOPBACK or bool(settings.PUBLIC_URL)
    if settings.DEBUG:
        yield trouble("doors", "debug_on_network" if on_network else "debug_on")
    if on_network and not settings.SECURE:
        yield trouble("doors", "http_on_network")
    if settings.SECURE and not settings.ON_LOOPBACK and not settings.TRUSTED_PROXIES:
        yield trouble("doors", "port_beside_proxy")
    if on_network and settings.SIGNUP_POLICY == "open":
        yield trouble("doors", "signup_open")


def check_admin() -> Iterator[Finding]:
    """Yield whether somebody can sign in to the admin's pages. Raises DatabaseError."""
    there = User.objects.admins().exists()
    yield fine("admin", "admin") if there else trouble("admin", "admin_missing")


def check_settings() -> Iterator[Finding]:
    """Yield the settings of older set-ups that change nothing here."""
    for name in sorted(env.UNUSED & env.given()):
        yield fine("settings", "unused", name=name)
