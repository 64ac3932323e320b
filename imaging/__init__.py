"""Pictures: ordered in words, drawn by ComfyUI, kept with what made them."""
