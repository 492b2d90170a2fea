"""Guardhouse: a secure inference gateway."""

__version__ = "0.1.0"
