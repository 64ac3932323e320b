"""Hashers that show what happens while a password is hashed."""

from __future__ import annotations

import threading

from django.contrib.auth.hashers import MD5PasswordHasher

PATH = "tests.accounts.counting.CountingHasher"
MEETING = "tests.accounts.counting.MeetingHasher"


class CountingHasher(MD5PasswordHasher):
    """Fast, and knows how often it was asked."""

    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        return super().encode(password, salt)


class MeetingHasher(MD5PasswordHasher):
    """Lets two who hash go on only together: both have found the name free by then."""

    gate = threading.Barrier(2, timeout=10)

    def encode(self, password: str, salt: str) -> str:
        self.gate.wait()
        return super().encode(password, salt)
