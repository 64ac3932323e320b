"""The card: who may use it, and the services that live on it."""

from __future__ import annotations
