"""Codecs of visibilities side by side at equal noise, and what each does to images and spectra."""
