"""Chats: what models are shown, what people send, what pages and scripts read."""
