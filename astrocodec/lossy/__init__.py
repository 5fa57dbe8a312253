"""Lossy codecs of images that were learned; needs torch and constriction (``pip install 'astrocodec[torch]'``).

One file for each system; what they share is named after what it is. docs/format.md section "Learned lossy codecs".
"""
