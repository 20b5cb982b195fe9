"""Measuring how fast a model reads, writes and starts on this machine."""
