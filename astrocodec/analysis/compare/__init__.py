"""What is different between images, and whether it matters."""
