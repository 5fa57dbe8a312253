"""Cards that programs write into headers of compressed images: a dictionary for deflate, part of the format."""

from __future__ import annotations

__all__ = ["WORDS"]

_CARDS = """\
SIMPLE  =                    T / conforms to FITS standard
SIMPLE  =                    T / file does conform to FITS standard
BITPIX  =                    8 / array data type
BITPIX  =                   16 / number of bits per data pixel
NAXIS   =                    0 / number of array dimensions
NAXIS   =                    0 / number of data axes
EXTEND  =                    T
EXTEND  =                    T / FITS dataset may contain extensions
COMMENT   FITS (Flexible Image Transport System) format is defined in 'Astronomy
COMMENT   and Astrophysics', volume 376, page 359; bibcode: 2001A&A...376..359H
HISTORY Image was compressed by CFITSIO using scaled integer quantization:
HISTORY   q = 4.000000 / quantized level scaling parameter
HISTORY 'NO_DITHER' / No dithering during quantization
HISTORY 'SUBTRACTIVE_DITHER_1' / Pixel Quantization Algorithm
HISTORY 'SUBTRACTIVE_DITHER_2' / Pixel Quantization Algorithm
ZBLANK  =          -2147483647 / null value in the compressed integer array
ZBLANK  =          -2147483648
ZNAME1  = 'SCALE   '           / HCOMPRESS scale factor
ZVAL1   =                   0. / HCOMPRESS scale factor
ZNAME2  = 'SMOOTH  '           / HCOMPRESS smooth option
ZVAL2   =                    0 / HCOMPRESS smooth option
ZCMPTYPE= 'PLIO_1  '           / compression algorithm
ZCMPTYPE= 'HCOMPRESS_1'        / compression algorithm
ZCMPTYPE= 'GZIP_1  '           / compression algorithm
ZCMPTYPE= 'GZIP_2  '           / compression algorithm
TTYPE1  = 'COMPRESSED_DATA'
TFORM1  = '1PB(1234)'
TTYPE2  = 'GZIP_COMPRESSED_DATA'
TFORM2  = '1PB(0)  '
TTYPE3  = 'ZSCALE  '
TFORM3  = '1D      '
TTYPE4  = 'ZZERO   '
TFORM4  = '1D      '
ZNAME3  = 'NOISEBIT'           / floating point quantization level
ZVAL3   =                    4 / floating point quantization level
ZQUANTIZ= 'NONE    '           / Lossless compression
ZQUANTIZ= 'NO_DITHER'          / No dithering during quantization
ZQUANTIZ= 'SUBTRACTIVE_DITHER_2' / Pixel Quantization Algorithm
XTENSION= 'BINTABLE'           / binary table extension
BITPIX  =                    8 / array data type
NAXIS   =                    2 / number of array dimensions
NAXIS1  =                    8 / length of dimension 1
NAXIS2  =                 1024 / length of dimension 2
PCOUNT  =               123456 / number of group parameters
GCOUNT  =                    1 / number of groups
TFIELDS =                    1 / number of table fields
XTENSION= 'BINTABLE'           / binary table extension
BITPIX  =                    8 / 8-bit bytes
NAXIS   =                    2 / 2-dimensional binary table
NAXIS1  =                    8 / width of table in bytes
NAXIS2  =                 1024 / number of rows in table
PCOUNT  =               123456 / size of special data area
GCOUNT  =                    1 / one data group (required keyword)
TFIELDS =                    1 / number of fields in each row
TTYPE1  = 'COMPRESSED_DATA'    / label for field   1
TFORM1  = '1PB(1234)'          / data format of field: variable length array
TTYPE2  = 'ZSCALE  '           / label for field   2
TFORM2  = '1D      '           / data format of field: 8-byte DOUBLE
TTYPE3  = 'ZZERO   '           / label for field   3
TFORM3  = '1D      '           / data format of field: 8-byte DOUBLE
ZIMAGE  =                    T / extension contains compressed image
ZTILE1  =                 1024 / size of tiles to be compressed
ZTILE2  =                    1 / size of tiles to be compressed
ZCMPTYPE= 'RICE_1  '           / compression algorithm
ZNAME1  = 'BLOCKSIZE'          / compression block size
ZVAL1   =                   32 / pixels per block
ZNAME2  = 'BYTEPIX '           / bytes per pixel (1, 2, 4, or 8)
ZVAL2   =                    2 / bytes per pixel (1, 2, 4, or 8)
ZQUANTIZ= 'SUBTRACTIVE_DITHER_1' / Pixel Quantization Algorithm
ZDITHER0=                 1234 / dithering offset when quantizing floats
EXTNAME = 'COMPRESSED_IMAGE'   / name of this binary table extension
EXTNAME = 'COMPRESSED_IMAGE'
CHECKSUM= '0123456789abcdef'   / HDU checksum updated 2026-01-01T00:00:00
DATASUM = '1234567890'         / data unit checksum updated 2026-01-01T00:00:00
ZHECKSUM= '0123456789abcdef'   / HDU checksum updated 2026-01-01T00:00:00
ZDATASUM= '1234567890'         / data unit checksum updated 2026-01-01T00:00:00
"""
# As `fits_tiles.layout.folded_header.fold` writes them: each behind its length.
WORDS = b"".join(bytes([len(card)]) + card.encode("ascii") for card in _CARDS.splitlines())
