"""The chat: a conversation kept as exact tokens, and the terminal it is held in."""
