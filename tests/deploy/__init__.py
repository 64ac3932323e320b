"""What deploy/ ships: nginx in front of several processes, units of systemd, containers."""
