"""Django's MySQL with patience where the server has no free connection."""
