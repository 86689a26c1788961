"""Folds, metrics and floors: numpy only, importable alone."""
