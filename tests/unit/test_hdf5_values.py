"""The filter's values: what Python writes, the C library completes and both read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hdf5_programs import tuned_model

import astrocodec
import hdf5_filter
from astrocodec._native.chunk import ChunkCodec
from astrocodec.errors import CorruptError, ModelNotFoundError, VersionError
from astrocodec.stages.crc32c import crc32c
from hdf5_filter.values import FilterValues


@pytest.fixture(scope="module")
def tuned() -> astrocodec.Model:
    """A model that differs from the general one."""
    return tuned_model(1)


def stored_values(dtype: object, chunk: tuple[int, ...], codec: hdf5_filter.AstroCodec) -> tuple[int, ...]:
    """Values that the filter's set_local leaves in a dataset."""
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", shape=chunk, dtype=dtype, chunks=chunk, compression=codec)
        return tuple(made.id.get_create_plist().get_filter(0)[2])


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "<u2", ">u2", "<i2", ">i4", "<u8", "<f2", ">f2", "<f4", ">f8", "<c8", ">c16", "b1"]
)
@pytest.mark.parametrize("chunk", [(5,), (3, 4), (1, 2, 3, 4)])
def test_the_host_tells_type_and_shape(dtype: str, chunk: tuple[int, ...]) -> None:
    found = FilterValues.from_values(stored_values(dtype, chunk, hdf5_filter.AstroCodec(thorough=True)))
    assert found.thorough
    assert (found.chunk, found.pairs, found.dtype, found.codec) == (chunk, False, np.dtype(dtype), 1)
    assert found.fingerprint == astrocodec.load_model().fingerprint


def test_pairs_that_are_no_complex_numbers_are_told() -> None:
    found = FilterValues.from_values(stored_values([("re", ">i2"), ("im", ">i2")], (4, 5), hdf5_filter.AstroCodec()))
    assert (found.pairs, found.dtype) == (True, np.dtype(">i2"))
    found = FilterValues.from_values(stored_values([("re", "<f4"), ("im", "<f4")], (4, 5), hdf5_filter.AstroCodec()))
    assert (found.pairs, found.dtype) == (False, np.dtype("c8"))


def test_the_default_model_is_the_default_again() -> None:
    """The values of a dataset name it, those of a user need not."""
    values = stored_values("u2", (8, 8), hdf5_filter.AstroCodec())
    again = hdf5_filter.from_filter_options(44045, values)
    assert again == hdf5_filter.AstroCodec()
    assert repr(again) == "AstroCodec()"


def test_options_survive(tuned: astrocodec.Model) -> None:
    codec = hdf5_filter.AstroCodec(tuned, thorough=True, embed_model=True, try_general=False)
    values = stored_values("u2", (64, 64), codec)
    assert len(values) <= 256
    again = hdf5_filter.from_filter_options(44045, values)
    assert again == codec
    assert again.model.fingerprint == tuned.fingerprint
    assert again.get_config()["tuned"]
    assert repr(again) == (
        f"AstroCodec(model=<tuned {tuned.fingerprint}, {len(tuned.delta())} bytes>, thorough=True, embed_model=True, "
        "try_general=False)"
    )


def test_the_largest_model_and_every_rank_fit(tuned: astrocodec.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leading axes are taken together where values are short; HDF5 allows 32 axes."""
    for rank in (1, 8, 11, 31, 32):
        chunk = (1,) * (rank - 1) + (7,)
        for dtype in ("u2", "c8"):
            values = stored_values(dtype, chunk, hdf5_filter.AstroCodec(tuned))
            assert len(values) <= 256
            found = FilterValues.from_values(values)
            assert np.prod(found.chunk) == 7
            data = np.arange(7).astype(dtype)
            stream = ChunkCodec(values).encode(data)
            out = np.empty_like(data)
            ChunkCodec(values).decode(stream, out)
            assert (out == data).all()


def test_a_padded_delta_of_944_bytes_fits() -> None:
    values = FilterValues(fingerprint="5" * 16, delta=bytes(944)).to_values()
    assert len(values) == values[2] == 246
    with pytest.raises(ValueError, match="at most 944 fit"):
        FilterValues(fingerprint="5" * 16, delta=bytes(945)).to_values()


def test_what_a_later_release_adds_is_passed_over() -> None:
    """Values in the room before the checksum, and behind the last one."""
    stored = stored_values("u2", (16, 16), hdf5_filter.AstroCodec())
    longer = np.array([*stored[:2], len(stored) + 3, *stored[3:-1], 7, 8, 9], "<u4")
    made = (*longer.tolist(), crc32c(longer), 4711)
    assert FilterValues.from_values(made) == FilterValues.from_values(stored)
    pixels = np.random.default_rng(0).poisson(100, (16, 16)).astype("u2")
    out = np.empty_like(pixels)
    ChunkCodec(made).decode(ChunkCodec(stored).encode(pixels), out)
    assert (out == pixels).all()


def test_a_model_in_the_values_is_the_one_that_they_name(tuned: astrocodec.Model) -> None:
    with pytest.raises(CorruptError, match=f"hold model {tuned.fingerprint} and name {'5' * 16}"):
        FilterValues(fingerprint="5" * 16, delta=tuned.delta()).model()
    with pytest.raises(ModelNotFoundError, match="5" * 16):
        FilterValues(fingerprint="5" * 16).model()


@pytest.mark.parametrize("reader", ["python", "native"])
def test_every_flipped_bit_is_found(reader: str, tuned: astrocodec.Model) -> None:
    """Never wrong pixels: values have a checksum."""
    values = list(stored_values("u2", (16, 16), hdf5_filter.AstroCodec(tuned)))
    pixels = np.random.default_rng(0).poisson(100, (16, 16)).astype("u2")
    stream = ChunkCodec(values).encode(pixels)

    def read(damaged: list[int]) -> None:
        if reader == "python":
            FilterValues.from_values(damaged)
        else:
            ChunkCodec(damaged).decode(stream, np.empty_like(pixels))

    for place in range(len(values)):
        for bit in (0, 7, 8, 31):
            damaged = values.copy()
            damaged[place] ^= 1 << bit
            with pytest.raises((CorruptError, VersionError)):
                read(damaged)


@pytest.mark.parametrize("count", range(3, 10))
def test_cut_values_are_found(count: int) -> None:
    values = stored_values("u2", (16, 16), hdf5_filter.AstroCodec())[:count]
    if count == 8:
        return  # all of them
    with pytest.raises(CorruptError):
        FilterValues.from_values((*values, 5) if count == 9 else values)
    with pytest.raises(CorruptError):
        ChunkCodec((*values, 5) if count == 9 else values).encode(np.zeros(4, "u2"))


def test_pairs_along_too_many_axes_are_refused() -> None:
    """Their stream would have 33; no writer makes such values, but they have a good checksum."""
    values = np.array([1, 0, 42, 1, 512 + 2, 32, 0, 0, *[1] * 31, 7, 0], "<u4")
    made = (*values.tolist(), crc32c(values))
    for read in (FilterValues.from_values, lambda found: ChunkCodec(found).encode(np.zeros(7, "c8"))):
        with pytest.raises(CorruptError, match="contradict each other"):
            read(made)


def test_newer_values_are_refused_by_version() -> None:
    with pytest.raises(VersionError, match="upgrade astrocodec"):
        FilterValues.from_values((2, 0))


@pytest.mark.parametrize("values", [(2, 0), (1, 16)])
def test_bytes_are_written_where_values_are_not_understood(values: tuple[int, ...]) -> None:
    """HDF5 writes in a flush, and dies of a filter that fails there; a chunk of bytes is one of any dataset."""
    pixels = np.arange(1000, dtype="u2")
    assert (astrocodec.decode(ChunkCodec(values).encode(pixels)) == pixels.view("u1")).all()


def test_no_values_at_all_code_bytes() -> None:
    """The host said nothing: still lossless."""
    pixels = np.arange(1000, dtype="u2")
    stream = ChunkCodec(()).encode(pixels)
    assert astrocodec.inspect(stream).dtype == np.uint8
    assert ChunkCodec(()).size(stream) == 2000
    out = np.empty_like(pixels)
    ChunkCodec(()).decode(stream, out)
    assert (out == pixels).all()


def test_chunks_are_streams(tuned: astrocodec.Model) -> None:
    """astrocodec.decode reads what stands in a file, with its type."""
    frame = np.random.default_rng(0).normal(1000, 30, (64, 64)).astype(">u2")
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", data=frame, chunks=(64, 64), compression=hdf5_filter.AstroCodec())
        assert (astrocodec.decode(made.id.read_direct_chunk((0, 0))[1]) == frame).all()
        codec = hdf5_filter.AstroCodec(tuned, try_general=False)
        made = file.create_dataset("t", data=frame, chunks=(64, 64), compression=codec)
        stream = made.id.read_direct_chunk((0, 0))[1]
        assert astrocodec.inspect(stream).model_fingerprint == tuned.fingerprint
        assert (astrocodec.decode(stream, models=[tuned]) == frame).all()
        codec = hdf5_filter.AstroCodec(tuned, try_general=False, embed_model=True)
        made = file.create_dataset("e", data=frame, chunks=(64, 64), compression=codec)
        assert (astrocodec.decode(made.id.read_direct_chunk((0, 0))[1]) == frame).all()
        visibilities = (frame + 1j * frame.T).astype("c8")
        made = file.create_dataset("c", data=visibilities, chunks=(64, 64), compression=hdf5_filter.AstroCodec())
        found = astrocodec.decode(made.id.read_direct_chunk((0, 0))[1])
        assert found.dtype == visibilities.dtype
        assert (found == visibilities).all()
        made = file.create_dataset("m", data=frame > 1000, chunks=(64, 64), compression=hdf5_filter.AstroCodec())
        found = astrocodec.decode(made.id.read_direct_chunk((0, 0))[1])
        assert found.dtype == bool
        assert (found == (frame > 1000)).all()


def test_streams_of_ours_can_be_put_into_a_file(tuned: astrocodec.Model) -> None:
    """By a program that writes chunks itself."""
    frame = np.random.default_rng(0).poisson(100, (32, 48)).astype("u2")
    with h5py.File.in_memory() as file:
        made = file.create_dataset("x", (32, 48), "u2", chunks=(32, 48), compression=44045)
        made.id.write_direct_chunk((0, 0), astrocodec.encode(frame, tuned))
        assert (made[...] == frame).all()
