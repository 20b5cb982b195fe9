"""What a model takes in memory, and how it is run so that it fits; nothing is loaded for it."""
