"""Run the Starling chat models on a laptop."""

__version__ = "0.1.0"
