"""ComfyUI's HTTP API and websocket in front of a sketching hand, for trying the app without a card.

A program of its own (`python -m gpu.engines.comfyui`): it imports nothing of the app, and the app knows only
its URL. It understands the standard Flux graphs, draws by seed with Pillow, and holds a pretend 24 GB.
Behaviour as ComfyUI 0.33 showed it on the wire.
"""

from __future__ import annotations
