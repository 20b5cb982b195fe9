"""How good a model is, and what makes it better: measured on texts."""
