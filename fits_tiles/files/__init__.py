"""Whole files: compressed, restored, checked."""
