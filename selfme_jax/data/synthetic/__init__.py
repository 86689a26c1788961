"""Procedural faces: nobody, with the true motion and the true action units."""
