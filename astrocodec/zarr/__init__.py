"""
Zarr door: the codec of numcodecs for format 2 and kerchunk, and the serializer of format 3.

Both are entry points, found by name: ``astrocodec``. `astrocodec.zarr.v2` needs numcodecs, `astrocodec.zarr.v3` zarr.
"""
