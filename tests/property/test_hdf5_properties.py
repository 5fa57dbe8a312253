"""Datasets of whatever kind hypothesis makes up, through the filter and past it.

ASTROCODEC_HDF5_EXAMPLES says how many; the figure of the largest run stands in benchmarks/results/hdf5_properties.json.
"""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import hdf5_filter

EXAMPLES = int(os.environ.get("ASTROCODEC_HDF5_EXAMPLES", "250"))
BASES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "c16", "b1")


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Noise, slopes, constants, few values, raw bits, with a few pixels of anything."""
    dtype = np.dtype(draw(st.sampled_from("<>")) + draw(st.sampled_from(BASES)))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=5, min_side=1, max_side=40).filter(lambda s: np.prod(s) < 20000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "slope", "constant", "few", "bits"]))
    if kind == "bits":
        size = int(np.prod(shape)) * dtype.itemsize
        raw = rng.integers(0, 2 if dtype.kind == "b" else 256, size, "u1")
        return np.frombuffer(raw.tobytes(), dtype).reshape(shape)
    level, spread = draw(st.integers(0, 100)), draw(st.integers(0, 27))
    values = {
        "noise": lambda: rng.normal(level, spread, shape),
        "slope": lambda: np.arange(np.prod(shape)).reshape(shape) % 127 + rng.normal(0, 1, shape),
        "constant": lambda: np.full(shape, float(level)),
        "few": lambda: rng.choice([0.0, 3.0, 100.0], shape),
    }[kind]()
    array = np.clip(values, 0, 127).astype(dtype)
    for _ in range(draw(st.integers(0, 3))):
        place = tuple(int(rng.integers(0, side)) for side in shape)
        if dtype.kind in "fc":
            array[place] = draw(st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 1e-30]))
        elif dtype.kind in "iu":
            array[place] = draw(st.sampled_from([np.iinfo(dtype).min, np.iinfo(dtype).max]))
    return array


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(array=arrays(), data=st.data())
def test_every_bit_comes_back(array: np.ndarray[Any, Any], data: st.DataObject) -> None:
    chunks = tuple(data.draw(st.integers(1, side)) for side in array.shape)
    while np.prod([-(-n // c) for n, c in zip(array.shape, chunks, strict=True)]) > 64:
        chunks = tuple(min(side, 2 * chunk) for side, chunk in zip(array.shape, chunks, strict=True))
    codec = hdf5_filter.AstroCodec(thorough=data.draw(st.booleans()))
    fletcher = data.draw(st.booleans())
    with h5py.File.in_memory() as file:
        theirs = file.create_dataset("theirs", data=array, chunks=chunks, compression=codec, fletcher32=fletcher)
        ours = hdf5_filter.write_dataset(file, "ours", array, chunks=chunks, codec=codec, workers=1)
        want = array.tobytes()
        assert theirs[...].tobytes() == ours[...].tobytes() == want
        assert hdf5_filter.read_dataset(ours, workers=1).tobytes() == want
        assert hdf5_filter.read_dataset(theirs, workers=1).tobytes() == want
        selection = tuple(
            slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))), data.draw(st.integers(1, 4)))
            for n in array.shape
        )
        assert hdf5_filter.read_dataset(ours, selection, workers=1).tobytes() == array[selection].tobytes()
        if not fletcher:
            for number in range(ours.id.get_num_chunks()):
                at = ours.id.get_chunk_info(number).chunk_offset
                assert ours.id.read_direct_chunk(at) == theirs.id.read_direct_chunk(at)
                size = np.prod(chunks) * array.itemsize
                assert len(ours.id.read_direct_chunk(at)[1]) <= size + 64
