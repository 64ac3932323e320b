"""Template tags of the card."""
