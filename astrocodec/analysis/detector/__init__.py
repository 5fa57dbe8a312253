"""What a detector does to its pixels: amplifiers, codes, gain, and what its header cards tell of them."""
