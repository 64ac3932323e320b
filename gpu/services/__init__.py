"""Clients of the services that live on the card."""
