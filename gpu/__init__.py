"""The card: the two services that live on it, and who may use it when."""
