"""What lives on the card: the client of Ollama, the look at it, its models."""
