"""The app over a real MariaDB."""
