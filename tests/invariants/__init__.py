"""What must hold whatever dies: the app's real processes, really killed."""
