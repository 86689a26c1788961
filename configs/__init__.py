"""Configs that come with the package: base.py holds every key once."""
