"""What SECURITY.md promises, tried on a real server."""
