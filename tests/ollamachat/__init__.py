"""The project: its settings, its health, its pages and their rules."""
