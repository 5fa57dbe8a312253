"""How header cards, tables and tiles lie in a file; nothing here opens one."""
