"""Images of files, whatever kind of file it is."""
