"""
Zarr door: the codec of numcodecs for format 2 and kerchunk, and the serializer of format 3.

Both are entry points, found by name: ``astrocodec``. `astrocodec.zarr.v2` needs numcodecs, `astrocodec.zarr.v3` zarr.
`astrocodec.zarr.loss`, which tells what an array has lost, and `astrocodec.zarr.check`, `info` and `verify` of folders,
need zarr.
"""
