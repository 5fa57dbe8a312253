"""What is in the picture: sources, their width, cosmic rays, signal-to-noise."""
