"""The engine: many runs (seed, fold) trained as one compiled program."""
