"""Measurements of size and speed beside other codecs, on real frames."""
