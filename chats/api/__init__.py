"""Chats for scripts."""
