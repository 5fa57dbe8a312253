"""Lossy codecs side by side: what they cost at equal noise, and what they do to the sources."""
