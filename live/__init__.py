"""What flows to browsers and scripts: the live log, its shared reader, the one websocket."""
