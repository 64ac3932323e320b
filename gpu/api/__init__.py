"""The JSON API of the card."""
