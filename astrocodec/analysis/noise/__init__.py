"""The noise of an image, and how many bits it takes."""
