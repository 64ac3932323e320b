"""The live log: its writer, its reader, its end."""
