"""The JSON API of pictures."""
