"""An HDF5 file with everything in it that must survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np


def write_everything(path: Path, **options: Any) -> None:
    """Images, scales, links, references, named types, fill values, strings, virtual and sparse datasets."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", **options) as file:
        file.attrs["title"] = "night"
        file.attrs["counts"] = np.arange(3)
        file.attrs["nothing"] = h5py.Empty("f4")
        file.attrs["names"] = np.array(["a", "bß"], dtype=h5py.string_dtype())
        group = file.create_group("sky", track_order=True)
        group.attrs["seeing"] = 1.5
        images = rng.poisson(300, (4, 150, 200)).astype("u2")
        cube = group.create_dataset(
            "b_cube", data=images, chunks=(1, 50, 50), compression="gzip", maxshape=(None, 150, 200), fillvalue=9
        )
        cube.attrs["BUNIT"] = "adu"
        group["a_time"] = np.arange(4.0)
        group["a_time"].make_scale("time")
        cube.dims[0].attach_scale(group["a_time"])
        cube.dims[0].label = "t"
        file["hard"] = cube
        file["soft"] = h5py.SoftLink("/sky/b_cube")
        file["external"] = h5py.ExternalLink("other.h5", "/x")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["loop"] = file["/"]
        record = np.dtype([("a", "i4"), ("b", "f8")])
        file["record"] = record
        file["record"].attrs["doc"] = "a named type"
        file.create_dataset("records", data=np.zeros(5, record), dtype=file["record"])
        file["number"] = np.dtype("i4")
        walk = np.cumsum(rng.integers(-3, 4, (100, 200)), axis=1).astype("i4")
        file.create_dataset("numbers", data=walk, dtype=file["number"])
        references = np.array([cube.ref, group.ref, None], dtype=object)
        file.create_dataset("references", data=references, dtype=h5py.ref_dtype)
        file.create_dataset("regions", data=np.array([cube.regionref[0, 2:5]], object), dtype=h5py.regionref_dtype)
        file.attrs["main"] = cube.ref
        file.create_dataset("strings", data=np.array(["ab", "c"], dtype=object), dtype=h5py.string_dtype())
        file["fixed"] = np.array([b"abc", b"de"])
        file["scalar"] = 3
        file["empty"] = h5py.Empty("i2")
        file["mask"] = rng.random((150, 200)) < 0.1
        real, imaginary = rng.normal(0, 9, (2, 100, 90)).round()
        file["visibilities"] = (real + 1j * imaginary).astype("c8")
        file["big_endian"] = rng.poisson(1000, (120, 130)).astype(">i4")
        sparse = file.create_dataset("sparse", (300, 300), "i2", chunks=(50, 50), fillvalue=-1)
        sparse[100:150] = rng.poisson(100, (50, 300))
        ragged = np.array([np.arange(3), np.arange(5)], dtype=object)
        file.create_dataset("ragged", data=ragged, dtype=h5py.vlen_dtype("i4"))
        layout = h5py.VirtualLayout((150, 200), "u2")
        layout[:] = h5py.VirtualSource(cube)[0]
        file.create_virtual_dataset("virtual", layout)
        states = h5py.enum_dtype({"OFF": 0, "ON": 1}, basetype="i2")
        file.create_dataset("states", data=rng.integers(0, 2, (150, 200)), dtype=states)
        file["halves"] = rng.normal(20, 3, (100, 200)).astype("f2")
        file["noise"] = rng.integers(0, 1 << 63, (64, 64))
        file.create_dataset("scalar_chunk", data=np.arange(100), chunks=(10,), maxshape=(None,))
