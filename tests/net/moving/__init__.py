"""Vats that move between two worlds."""
