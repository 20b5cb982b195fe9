"""Measurements against llama.cpp's own tools."""
