"""The JSON API of the door, and what every endpoint of the API shares."""

from __future__ import annotations
