"""Zarr reads chunks of an HDF5 file and tiles of a FITS file where they lie, through references as kerchunk makes them.

Each chunk and each tile is a stream of its own, so a reference is no more than file, offset and length.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numcodecs
import numpy as np
import zarr
from astropy.io import fits

import fits_tiles  # noqa: F401 - teaches astropy the tiles
import hdf5_filter
from astrocodec.simulate import simulate
from astrocodec.zarr.v2 import AstroCodec

numcodecs.registry.register_codec(AstroCodec)  # an installed package is found by its entry point
frame = (simulate("ccd", shape=(512, 512), seed=1).data // 2).astype(np.int16)


def describe(shape: tuple[int, ...], chunks: tuple[int, ...], codec: AstroCodec) -> str:
    """Metadata of an array of int16."""
    metadata = {"shape": shape, "chunks": chunks, "dtype": "<i2", "compressor": codec.get_config(), "fill_value": 0}
    return json.dumps({"zarr_format": 2, "order": "C", "filters": None, **metadata})


def refer_to_hdf5(path: Path, name: str) -> dict[str, Any]:
    """References to the chunks of a dataset."""
    with h5py.File(path) as file:
        dataset = file[name]
        _, values, _ = dataset.id.get_create_plist().get_filter_by_id(hdf5_filter.FILTER_ID)
        model = hdf5_filter.from_filter_options(hdf5_filter.FILTER_ID, values).model
        references: dict[str, Any] = {".zarray": describe(dataset.shape, dataset.chunks, AstroCodec(model))}
        for number in range(dataset.id.get_num_chunks()):
            info = dataset.id.get_chunk_info(number)
            key = ".".join(str(at // side) for at, side in zip(info.chunk_offset, dataset.chunks, strict=True))
            references[key] = [str(path), info.byte_offset, info.size]
    return references


def refer_to_fits(path: Path, hdu: int) -> dict[str, Any]:
    """References to the tiles of an image whose sides they divide; the first column has their lengths and offsets."""
    with fits.open(path, disable_image_compression=True) as hdus:
        header, place = hdus[hdu].header, hdus[hdu].fileinfo()["datLoc"]
    shape, tile = ((header[f"{key}2"], header[f"{key}1"]) for key in ("ZNAXIS", "ZTILE"))
    rows, width = header["NAXIS2"], header["NAXIS1"]
    table = np.fromfile(path, np.uint8, rows * width, offset=place).reshape(rows, width)
    heap = place + header.get("THEAP", rows * width)
    references: dict[str, Any] = {".zarray": describe(shape, tile, AstroCodec())}
    for number, (length, offset) in enumerate(table[:, :8].copy().view(">i4").tolist()):
        y, x = divmod(number, shape[1] // tile[1])
        references[f"{y}.{x}"] = [str(path), heap + offset, length]
    return references


with tempfile.TemporaryDirectory() as folder:
    cube, image = Path(folder) / "night.h5", Path(folder) / "night.fits"
    with h5py.File(cube, "w") as file:
        codec = hdf5_filter.AstroCodec.tuned(frame, effort=3)
        hdf5_filter.write_dataset(file, "sci", frame, chunks=(256, 256), codec=codec)
    hdu = fits.CompImageHDU(frame, compression_type="ASTROCODEC_1", tile_shape=(256, 256))
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(image)

    arrays = {"hdf5": refer_to_hdf5(cube, "sci"), "fits": refer_to_fits(image, 1)}
    references = {f"{name}/{key}": value for name, keys in arrays.items() for key, value in keys.items()}
    references[".zgroup"] = json.dumps({"zarr_format": 2})
    system = fsspec.filesystem("reference", fo=references, remote_protocol="file", asynchronous=True)
    group = zarr.open_group(zarr.storage.FsspecStore(system, read_only=True, path=""), mode="r", zarr_format=2)
    for name in arrays:
        array = group[name]
        assert isinstance(array, zarr.Array)
        assert (np.asarray(array[:]) == frame).all()
        print(f"{name}: {frame.nbytes} bytes of pixels read from {len(arrays[name]) - 1} references")
