"""Pictures: what people order, what models answer, what ComfyUI draws, and what dies meanwhile."""
