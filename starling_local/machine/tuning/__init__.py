"""Which settings are the fastest here: tried in processes of their own, and kept."""
