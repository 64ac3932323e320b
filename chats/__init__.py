"""Chats, messages and answers."""
