"""Training of the general models; needs torch."""
