"""What reaches into astropy, so that it reads and writes ASTROCODEC_1 tiles."""
