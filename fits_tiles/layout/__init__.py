"""
How header cards, tables and tiles lie in a file; nothing here opens one.

In all of `fits_tiles`, `fd` is the descriptor of a file, `cards` are the 80-byte cards of a header without ``END``, a
`header` has ``END`` and padding, `where` is what messages call an HDU, `workers` are threads, and `advance` is told how
many bytes more are done.
"""
