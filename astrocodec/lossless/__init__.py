"""Learned lossless codecs, to be compared with: of patches of 32 x 32 pixels; docs/format.md section "Patches".

They need torch; modules are imported when their codec is used.
"""
