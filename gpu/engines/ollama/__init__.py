"""Ollama's HTTP API in front of a tiny model, so that a fresh copy answers before anything is connected.

A program of its own (`python -m gpu.engines.ollama`): it imports nothing of the app, and the app knows only
its URL. As in Ollama, the model lives in a child process, so that unloading it really gives the memory back.
"""

from __future__ import annotations
