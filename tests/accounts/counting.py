"""A hasher that counts its work, which is what a clock outside would see."""

from __future__ import annotations

from django.contrib.auth.hashers import MD5PasswordHasher

PATH = "tests.accounts.counting.CountingHasher"


class CountingHasher(MD5PasswordHasher):
    """Fast, and knows how often it was asked."""

    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        return super().encode(password, salt)
