"""Runs the process manager with the project's settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gpu import processmanager


class Command(BaseCommand):
    """`python manage.py processmanager`: serves until it is told to end."""

    help = "Starts and stops Ollama and ComfyUI on the machine with the card, when told by HTTP."
    requires_system_checks = ()  # it needs neither the database nor Redis

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and what may differ from it."""
        default = Path(settings.DATA_DIR) / "processes.toml"
        parser.add_argument("--config", type=Path, default=default, help="by default in the data folder")
        parser.add_argument("--host", help="address to listen on, instead of the file's")
        parser.add_argument("--port", type=int, help="port to listen on, instead of the file's")

    def handle(self, *args: Any, **options: Any) -> None:
        token, path = settings.PROCESS_MANAGER_TOKEN, options["config"]
        environ = {processmanager.TOKEN_ENV: token} if token else {}
        waits = {
            "switch_timeout": settings.PROCESS_SWITCH_TIMEOUT,
            "startup_wait": settings.PROCESS_STARTUP_WAIT,
        }
        given = {name: options[name] for name in ("host", "port") if options[name] is not None}
        try:
            config = processmanager.load(path, environ, waits)
            processmanager.serve(replace(config, **given))
        except processmanager.ConfigError as error:
            raise CommandError(str(error)) from error
