"""What the model learns: one module for each skill, each a function that makes one exchange."""
