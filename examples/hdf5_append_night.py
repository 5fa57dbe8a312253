"""Append a night's frames to a cube as they come from the camera; the cube is compressed and readable at any time."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import hdf5_filter
from astrocodec.simulate import simulate


def camera(frames: int) -> Iterator[np.ndarray[Any, Any]]:
    """Give one frame after the other."""
    for seed in range(frames):
        yield simulate("ccd", shape=(512, 544), seed=seed).data


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "night.h5"
    original = 0
    for number, frame in enumerate(camera(4)):
        with h5py.File(path, "a") as file:
            # The first frame makes the dataset, with a model fitted to it; the others lengthen it.
            codec = None if "cube" in file else hdf5_filter.AstroCodec.tuned(frame, effort=3)
            cube = hdf5_filter.write_dataset(file, "cube", frame[np.newaxis], codec=codec, append=True)
            cube.attrs[f"SEED{number}"] = number
            original += frame.nbytes
            print(f"frame {number}: {original} -> {cube.id.get_storage_size()} bytes, shape {cube.shape}")

    with h5py.File(path) as file:
        # The light curve of a small window: only the chunks that it touches are decoded.
        window = hdf5_filter.read_dataset(file["cube"], (slice(None), slice(100, 120), slice(200, 220)))
        print("mean of the window:", window.mean(axis=(1, 2)).round(1).tolist())
    assert all((frame == want).all() for frame, want in zip(h5py.File(path)["cube"][...], camera(4), strict=True))
