"""The user's machine: what it is, what fits on it, and how fast it is."""
