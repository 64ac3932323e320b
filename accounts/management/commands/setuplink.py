"""Prints the way in for the first admin."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.urls import reverse

from accounts import links
from accounts.models import User


class Command(BaseCommand):
    """`python manage.py setuplink`: the one-time path, and nothing once there is an admin."""

    help = "Prints the one-time path where the first admin is made; nothing once there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        if not User.objects.admins().exists():
            self.stdout.write(reverse("accounts:setup", args=[links.create_setup_link()]))
