"""What is told of images: numbers, tables, pages, charts."""
