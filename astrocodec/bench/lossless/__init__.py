"""Lossless codecs side by side, learned ones among them: the protocol of a benchmark of them on astronomical images.

AstroCompress (Truong et al. 2025, arXiv:2506.08306): its data formats, its split, its tables, on any data.
"""
