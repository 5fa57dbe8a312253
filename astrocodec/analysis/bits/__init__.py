"""Where the bits of a stream or file went."""
