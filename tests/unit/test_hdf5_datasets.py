"""Reading and writing datasets in parallel: the same bytes and elements as HDF5's own pipeline."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdf5_programs import made, tuned_model

import astrocodec
import hdf5_filter
import hdf5_filter.chunked
from astrocodec.errors import CorruptError, ModelNotFoundError, VersionError
from hdf5_filter.chunk_shape import choose_chunks
from hdf5_filter.selection import parse_selection

SELECTIONS: list[Any] = [
    (),
    ...,
    -1,
    0,
    np.int64(1),
    slice(2, -3),
    slice(None, None, -2),
    (..., slice(1, None, 5)),
    (..., -1),
    slice(3, 3),
    slice(100, 200),
    slice(None, None, 9),
]


@pytest.fixture
def file(tmp_path: Path) -> Any:
    with h5py.File(tmp_path / "x.h5", "w") as opened:
        yield opened


def chunks_of(dataset: h5py.Dataset) -> dict[tuple[int, ...], tuple[int, bytes]]:
    infos = [dataset.id.get_chunk_info(number) for number in range(dataset.id.get_num_chunks())]
    return {info.chunk_offset: dataset.id.read_direct_chunk(info.chunk_offset) for info in infos}


@pytest.mark.parametrize("dtype", ["u2", ">i4", "c8", "?", ">f8", "i1", "f2"])
@pytest.mark.parametrize("shape", [(37,), (30, 41), (5, 17, 23), (2, 3, 9, 10)])
@pytest.mark.parametrize("side", [3, 8])
def test_bytes_are_those_of_the_pipeline(file: h5py.File, dtype: str, shape: tuple[int, ...], side: int) -> None:
    data = made(dtype, shape)
    chunks = tuple(min(side, length) for length in shape)
    fill = 7 if dtype not in ("?", "c8") else None
    ours = hdf5_filter.write_dataset(file, "deep/ours", data, chunks=chunks, workers=2, fillvalue=fill)
    theirs = file.create_dataset(
        "theirs", data=data, chunks=chunks, compression=hdf5_filter.AstroCodec(), fillvalue=fill
    )
    assert ours.dtype == theirs.dtype == data.dtype
    assert chunks_of(ours) == chunks_of(theirs)
    assert ours.id.get_create_plist().get_filter(0)[1] == h5py.h5z.FLAG_MANDATORY
    for selection in [*SELECTIONS, (slice(9, 2, -7), ..., -2) if len(shape) > 1 else 4]:
        want = data[selection]
        for dataset in (ours, theirs):
            found = hdf5_filter.read_dataset(dataset, selection, workers=2)
            assert found.shape == want.shape
            assert found.dtype == (want.dtype if want.ndim else want.dtype.newbyteorder("="))
            assert np.array_equal(found, want), selection
            out = np.empty(want.shape, want.dtype)
            assert hdf5_filter.read_dataset(dataset, selection, out=out) is out
            assert np.array_equal(out, want)


def test_other_ways_to_select_go_through_h5py(file: h5py.File) -> None:
    data = made("u2", (20, 30))
    dataset = hdf5_filter.write_dataset(file, "x", data, chunks=(8, 8))
    assert (hdf5_filter.read_dataset(dataset, [1, 5, 7]) == data[[1, 5, 7]]).all()
    assert (hdf5_filter.read_dataset(dataset, data > 60) == data[data > 60]).all()
    assert parse_selection(True, (3,)) is None
    for wrong in (20, (0, 0, 0), (..., ...), -21):
        with pytest.raises(IndexError):
            hdf5_filter.read_dataset(dataset, wrong)
    with pytest.raises(ValueError, match="out has shape"):
        hdf5_filter.read_dataset(dataset, 0, out=np.empty(3, "u2"))


def test_out_of_another_type_is_converted(file: h5py.File) -> None:
    data = made("u2", (20, 30))
    dataset = hdf5_filter.write_dataset(file, "x", data, chunks=(8, 8))
    out = np.empty((20, 30))
    hdf5_filter.read_dataset(dataset, out=out)
    assert (out == data).all()
    file["plain"] = data
    for narrow in (np.empty((20, 30), "u1"), np.empty((20, 30), "i2"), np.empty((20, 30), "f2")):
        for name in ("x", "plain"):
            with pytest.raises(ValueError, match="does not hold all of uint16"):
                hdf5_filter.read_dataset(file[name], out=narrow)


@pytest.mark.parametrize("kind", ["<i8", ">u8"])
def test_out_of_floats_does_not_hold_integers_of_8_bytes(file: h5py.File, kind: str) -> None:
    """NumPy calls that safe, and rounds."""
    data = np.array([[2**53 + 1, 2**62 + 3]], kind)
    hdf5_filter.write_dataset(file, "x", data)
    file["plain"] = data
    for name in ("x", "plain"):
        for wide in ("f8", "c16"):
            with pytest.raises(ValueError, match="does not hold all of"):
                hdf5_filter.read_dataset(file[name], out=np.empty((1, 2), wide))
    if np.finfo(np.longdouble).nmant >= 63:
        assert (hdf5_filter.read_dataset(file["x"], out=np.empty((1, 2), np.longdouble)) == data).all()


def test_chunks_that_were_never_written(file: h5py.File) -> None:
    dataset = file.create_dataset(
        "x", (50, 60), "i4", chunks=(7, 9), fillvalue=-3, compression=hdf5_filter.AstroCodec()
    )
    dataset[10:12, 5:30] = 4  # in HDF5's cache, not in the file yet
    assert (hdf5_filter.read_dataset(dataset, workers=2) == dataset[...]).all()
    assert hdf5_filter.read_dataset(dataset, (0, 0)) == -3
    assert (hdf5_filter.read_dataset(dataset, (slice(0, 3), 0)) == -3).all()


def test_only_touched_chunks_are_decoded(file: h5py.File, monkeypatch: pytest.MonkeyPatch) -> None:
    from hdf5_filter.chunked import ChunkedDataset

    dataset = hdf5_filter.write_dataset(file, "x", made("u2", (100, 100)), chunks=(10, 10))
    seen = []
    decode = ChunkedDataset.decode
    monkeypatch.setattr(ChunkedDataset, "decode", lambda self, at, *rest: seen.append(at) or decode(self, at, *rest))
    hdf5_filter.read_dataset(dataset, (slice(15, 32), 40), workers=1)
    assert seen == [(10, 40), (20, 40), (30, 40)]
    seen.clear()
    hdf5_filter.read_dataset(dataset, (slice(None, None, 35), 40), workers=1)
    assert seen == [(0, 40), (30, 40), (70, 40)]


def test_a_stream_of_blocks_and_appending(file: h5py.File) -> None:
    cube = hdf5_filter.write_dataset(
        file, "cube", (np.full((k % 3 + 1, 20, 30), k, "u2") for k in range(10)), chunks=(4, 20, 30), workers=2
    )
    assert cube.shape == (19, 20, 30)
    assert cube.maxshape == (None, 20, 30)
    for k in range(3):
        hdf5_filter.write_dataset(file, "cube", np.full((1, 20, 30), 100 + k, "u2"), append=True)
    want = [k for k in range(10) for _ in range(k % 3 + 1)] + [100, 101, 102]
    assert cube[:, 3, 4].tolist() == want
    assert hdf5_filter.write_dataset(file, "new", np.zeros((1, 5), "f4"), append=True).maxshape == (None, 5)
    with pytest.raises(ValueError, match=r"rows of shape \(20, 30\), the data have \(20, 31\)"):
        hdf5_filter.write_dataset(file, "cube", np.zeros((1, 20, 31), "u2"), append=True)
    with pytest.raises(ValueError, match="int32 does not fit without loss"):
        hdf5_filter.write_dataset(file, "cube", np.zeros((1, 20, 30), "i4"), append=True)
    fixed = hdf5_filter.write_dataset(file, "fixed", np.zeros((4, 5), "u2"))
    with pytest.raises(ValueError, match="cannot become longer"):
        hdf5_filter.write_dataset(file, "fixed", np.zeros((4, 5), "u2"), append=True)
    with pytest.raises(ValueError, match="exists"):
        hdf5_filter.write_dataset(file, "fixed", np.zeros((4, 5), "u2"))
    assert (fixed[...] == 0).all()
    with pytest.raises(ValueError, match="block 1 has dtype"):
        hdf5_filter.write_dataset(file, "bad", iter([np.zeros((1, 2)), np.zeros((1, 3))]))
    with pytest.raises(ValueError, match="no block found"):
        hdf5_filter.write_dataset(file, "none", iter([]))
    with pytest.raises(TypeError, match="scalar"):
        hdf5_filter.write_dataset(file, "scalar", np.float64(3))


def test_a_source_that_fails_leaves_no_rows_behind(file: h5py.File) -> None:
    """Rows of fill values would pass for data."""

    def failing() -> Any:
        yield data
        raise RuntimeError("camera lost")

    data = made("u2", (13, 30))
    with pytest.raises(RuntimeError, match="camera lost"):
        hdf5_filter.write_dataset(file, "deep/x", failing(), chunks=(8, 16))
    assert "deep/x" not in file
    hdf5_filter.write_dataset(file, "deep/x", data, chunks=(8, 16), maxshape=(40, 30))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="camera lost"):
            hdf5_filter.write_dataset(file, "deep/x", failing(), append=True)
        assert (file["deep/x"][...] == data).all()
        assert (hdf5_filter.read_dataset(file["deep/x"]) == data).all()


def test_appending_within_a_limit(file: h5py.File) -> None:
    """The axis need not be without end."""
    data = made("u2", (13, 30))
    hdf5_filter.write_dataset(file, "x", data, chunks=(8, 16), maxshape=(30, 30))
    hdf5_filter.write_dataset(file, "x", data, append=True)
    with pytest.raises(ValueError, match=r"cannot become longer: 39 rows wanted, its maxshape is \(30, 30\)"):
        hdf5_filter.write_dataset(file, "x", data, append=True)
    with pytest.raises(ValueError, match="cannot become longer"):
        hdf5_filter.write_dataset(file, "x", iter([data]), append=True)
    assert (file["x"][...] == np.concatenate([data, data])).all()


def test_what_cannot_be_appended_to(file: h5py.File) -> None:
    file.create_group("group")
    file["scalar"] = 3
    for name in ("group", "scalar"):
        with pytest.raises(ValueError, match=f"'{name}' is no dataset with rows"):
            hdf5_filter.write_dataset(file, name, np.zeros((2, 3), "u2"), append=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pairs_with_the_names_of_complex_numbers(file: h5py.File, order: str) -> None:
    """h5py reads them as complex numbers."""
    pairs = np.zeros((30, 40), [("r", f"{order}f4"), ("i", f"{order}f4")])
    pairs["r"], pairs["i"] = 3, np.arange(40)
    for data in (pairs, iter([pairs[:10], pairs[10:]])):
        found = hdf5_filter.write_dataset(file, "x", data, chunks=(8, 9), append=True)
    assert found.shape == (60, 40)
    assert (found[...] == np.tile(3 + 1j * np.arange(40), (60, 1))).all()
    swapped = np.ones((30, 40), [("i", f"{order}f4"), ("r", f"{order}f4")])
    assert hdf5_filter.write_dataset(file, "y", swapped)[0, 0].tolist() == (1, 1)


def test_masks_are_not_lost_unnoticed(file: h5py.File) -> None:
    data = np.ma.masked_array([[1, 2], [3, 4]], [[0, 1], [0, 0]])
    with pytest.raises(TypeError, match="mask would be lost"):
        hdf5_filter.write_dataset(file, "x", data)
    assert (hdf5_filter.write_dataset(file, "y", np.ma.masked_array([[1, 2]], False))[...] == [[1, 2]]).all()


def test_masks_of_parts_are_not_lost_unnoticed(file: h5py.File) -> None:
    """Of a list, of blocks, of what a lazy array gives."""
    masked = np.ma.masked_array(np.ones((2, 3)), [[1, 0, 0], [0, 0, 0]])
    for data in ([masked, masked], iter([np.ones((2, 3)), masked]), Lazy((4, 3), "f8", lambda *_: masked)):
        with pytest.raises(TypeError, match="mask would be lost"):
            hdf5_filter.write_dataset(file, "x", data, chunks=(2, 3))
        assert "x" not in file


def test_masks_of_dask_are_not_lost_unnoticed(file: h5py.File) -> None:
    dask = pytest.importorskip("dask.array")
    lazy = dask.from_array(np.arange(6.0).reshape(2, 3), chunks=(1, 3))
    assert hdf5_filter.write_dataset(file, "y", lazy)[1].tolist() == [3, 4, 5]
    with pytest.raises(TypeError, match="mask would be lost"):
        hdf5_filter.write_dataset(file, "z", dask.ma.masked_equal(lazy, 4))


class Lazy:
    """Says what it is, and gives something else."""

    def __init__(self, shape: tuple[int, ...], dtype: str, rows: Callable[[int, int], np.ndarray]) -> None:
        self.shape, self.dtype, self._rows = shape, np.dtype(dtype), rows

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._rows(*rows.indices(self.shape[0])[:2])


@pytest.mark.parametrize(
    "rows",
    [
        lambda start, stop: np.full((stop - start, 30), 70000, "i4"),
        lambda start, stop: np.ones((stop - start, 31), "u2"),
        lambda start, stop: np.ones((min(stop, 9) - start, 30), "u2"),
        lambda start, stop: np.ones((stop - start + 1, 30), "u2"),
        lambda start, stop: np.ones(30, "u2"),
    ],
    ids=["dtype", "wider", "fewer rows", "more rows", "fewer axes"],
)
@pytest.mark.parametrize("append", [False, True])
def test_a_lazy_array_must_be_what_it_says(file: h5py.File, rows: Any, append: bool) -> None:
    if append:
        hdf5_filter.write_dataset(file, "x", np.ones((3, 30), "u2"), append=True)
    with pytest.raises(ValueError, match=r"of the array have dtype .*, it states uint16 and \("):
        hdf5_filter.write_dataset(file, "x", Lazy((10, 30), "u2", rows), chunks=(4, 30), append=append)
    assert file["x"].shape == (3, 30) if append else "x" not in file
    swapped = Lazy((4, 3), "<u2", lambda start, stop: np.full((stop - start, 3), 258, ">u2"))
    assert hdf5_filter.write_dataset(file, "y", swapped)[0, 0] == 258


@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("ours", [True, False])
def test_integers_that_floats_cannot_hold(file: h5py.File, dtype: str, ours: bool) -> None:
    """NumPy calls that cast safe."""
    if ours:
        hdf5_filter.write_dataset(file, "x", np.zeros((3, 2), dtype), append=True)
    else:
        file.create_dataset("x", data=np.zeros((3, 2), dtype), maxshape=(None, 2))
    for value in (2**53 + 1, -(2**53) - 1, 2**63 - 1):
        with pytest.raises(ValueError, match="do not fit without loss"):
            hdf5_filter.write_dataset(file, "x", np.array([[1, value]]), append=True)
    with pytest.raises(ValueError, match="do not fit without loss"):
        hdf5_filter.write_dataset(
            file, "x", iter([np.array([[1, 2]], "u8"), np.array([[1, 2**64 - 1]], "u8")]), append=True
        )
    assert file["x"].shape == (3, 2)
    hdf5_filter.write_dataset(file, "x", np.array([[2**53, -(2**53)]]), append=True)
    assert file["x"][3].tolist() == [2**53, -(2**53)]


def test_names_in_bytes_and_fill_values(file: h5py.File) -> None:
    assert hdf5_filter.write_dataset(file, b"deep/x", np.ones((2, 3), "u2")).name == "/deep/x"
    with pytest.raises(ValueError, match="exists"):
        hdf5_filter.write_dataset(file, b"deep/x", np.ones((2, 3), "u2"))
    for value in (np.int64(-1), 1.5, np.int64(65536)):
        with pytest.raises(ValueError, match="does not fit uint16"):
            hdf5_filter.write_dataset(file, "y", np.ones((2, 3), "u2"), fillvalue=value)


@pytest.mark.parametrize("bit", [0, 3])
def test_a_type_that_is_not_the_filters_is_damage(tmp_path: Path, bit: int) -> None:
    """Byte order and sign in a header without checksum: HDF5 itself would give other pixels."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        hdf5_filter.write_dataset(file, "x", made("u2", (40, 50)), chunks=(16, 16))
    raw = bytearray(path.read_bytes())
    place = raw.index(bytes([0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0]))  # unsigned, little-endian, 2 bytes, 16 bits
    raw[place + 1] ^= 1 << bit
    path.write_bytes(raw)
    with (
        h5py.File(path) as file,
        pytest.raises(CorruptError, match=r"'/x': it has type .*, its filter was told uint16"),
    ):
        hdf5_filter.read_dataset(file["x"])
    with pytest.raises(CorruptError, match="the dataset's header is damaged"):
        hdf5_filter.verify(path)


def test_large_sources_are_read_row_by_row(file: h5py.File) -> None:
    class Lazy:
        """Knows only how to give a few rows, and which were asked for."""

        shape = (64, 40, 50)
        dtype = np.dtype("i2")
        largest = 0

        def __getitem__(self, rows: slice) -> np.ndarray:
            numbers = np.arange(*rows.indices(64))
            self.largest = max(self.largest, len(numbers))
            return np.broadcast_to(numbers[:, None, None], (len(numbers), 40, 50)).astype("i2")

    source = Lazy()
    dataset = hdf5_filter.write_dataset(file, "x", source, chunks=(4, 40, 50))
    assert source.largest == 4
    assert dataset[:, 1, 1].tolist() == list(range(64))


@pytest.mark.parametrize("with_", [{"fletcher32": True}, {"shuffle": True}])
def test_other_filters_take_the_ordinary_way(
    file: h5py.File, with_: dict[str, bool], capfd: pytest.CaptureFixture[str]
) -> None:
    data = made("u2", (40, 50))
    dataset = file.create_dataset(
        "x", data=data, chunks=(16, 16), maxshape=(None, 50), compression=hdf5_filter.AstroCodec(), **with_
    )
    assert (hdf5_filter.read_dataset(dataset, (slice(3, 30), -1)) == data[3:30, -1]).all()
    if "shuffle" in with_:
        with pytest.warns(UserWarning, match="shuffle before astrocodec"):
            hdf5_filter.write_dataset(file, "x", data, append=True)
    else:
        hdf5_filter.write_dataset(file, "x", data, append=True)
    assert (dataset[...] == np.concatenate([data, data])).all()


def with_unfiltered_edges(file: h5py.File, name: str, data: np.ndarray, gzip: bool = False) -> h5py.Dataset:
    """A dataset whose chunks at the edge pass no filter, as H5Pset_chunk_opts makes it."""
    library = ctypes.CDLL(h5py.h5p.__file__)
    library.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((32, 32))
    assert library.H5Pset_chunk_opts(plist.id, 2) == 0
    if gzip:
        plist.set_deflate(4)
    else:
        plist.set_filter(hdf5_filter.FILTER_ID, h5py.h5z.FLAG_MANDATORY, (1, 0))
    space = h5py.h5s.create_simple(data.shape, (h5py.h5s.UNLIMITED,) * data.ndim)
    dataset = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(data.dtype), space, plist))
    dataset[...] = data
    return dataset


@pytest.mark.parametrize("rows", [50, 64])
def test_chunks_at_the_edge_that_are_not_filtered(tmp_path: Path, rows: int) -> None:
    """They are read and appended to as HDF5 does it: it would take a stream there for pixels."""
    data = made("u2", (rows, 70))
    with h5py.File(tmp_path / "x.h5", "w", libver="latest") as file:
        dataset = with_unfiltered_edges(file, "x", data)
        assert (hdf5_filter.read_dataset(dataset) == data).all()
        assert (hdf5_filter.read_dataset(dataset, (slice(30, 40), -1)) == data[30:40, -1]).all()
        hdf5_filter.write_dataset(file, "x", data[:7], append=True)
    with h5py.File(tmp_path / "x.h5") as file:
        expected = np.concatenate([data, data[:7]])
        assert (file["x"][...] == expected).all()
        assert (hdf5_filter.read_dataset(file["x"]) == expected).all()
        whole = hdf5_filter.chunked.filters_partial_chunks
        assert whole(h5py.h5p.__file__, file["x"].id.get_create_plist().id) is False
    assert not whole("nothing.so", 0)
    assert hdf5_filter.verify(tmp_path / "x.h5").checked == "not checked"


def test_files_with_unfiltered_edges(tmp_path: Path) -> None:
    """Whole files: what we write has filters everywhere."""
    data = made("u2", (250, 270))
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        with_unfiltered_edges(file, "gzip", data, gzip=True)
        with_unfiltered_edges(file, "ours", data)
    hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", chunks=(32, 32), tune=False)
    hdf5_filter.decompress(tmp_path / "b.h5", tmp_path / "c.h5")
    for name in ("b.h5", "c.h5"):
        with h5py.File(tmp_path / name) as file:
            assert all((file[each][...] == data).all() for each in ("gzip", "ours"))
            assert hdf5_filter.chunked.ChunkedDataset.of(file["gzip"]) is not None or name == "c.h5"


def filtered(file: h5py.File, name: str, *filters: int) -> h5py.Dataset:
    """A dataset of int32 with these filters, in chunks of 32 x 32."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((32, 32))
    for number in filters:
        values = {h5py.h5z.FILTER_SCALEOFFSET: (2, 0), h5py.h5z.FILTER_DEFLATE: (4,)}.get(number, ())
        plist.set_filter(number, h5py.h5z.FLAG_MANDATORY, values)
    space = h5py.h5s.create_simple((100, 90))
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_I32LE, space, plist))


def test_bytes_are_as_many_as_the_chunk_has(tmp_path: Path) -> None:
    """HDF5 would read on behind them. Only where another filter stands before ours, their number may be any."""
    data, few = made("<i4", (100, 90)), astrocodec.encode(np.zeros(10, "u1"))
    for name, before in (("alone", ()), ("gzip", (1,)), ("fletcher32", (3,)), ("scaleoffset", (6,))):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            dataset = filtered(file, name, *before, hdf5_filter.FILTER_ID)
            dataset[...] = data
            assert (dataset[...] == data).all()
            options = dataset.id.get_create_plist().get_filter(len(before))[2][1]
            assert options == (8 if before else 0)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        filtered(file, "x", hdf5_filter.FILTER_ID).id.write_direct_chunk((32, 32), few)
    with h5py.File(tmp_path / "b.h5") as file:
        with pytest.raises(OSError, match="filter returned failure"):
            file["x"][40:50, 40:50]
        with pytest.raises(CorruptError, match=r"holds 10 bytes, expected are 4096"):
            hdf5_filter.read_dataset(file["x"])


@pytest.mark.parametrize(("number", "name"), [(5, "nbit"), (6, "scaleoffset")])
def test_filters_that_would_destroy_streams_are_refused(
    file: h5py.File, capfd: pytest.CaptureFixture[str], number: int, name: str
) -> None:
    """They take the bytes of a stream for numbers."""
    with pytest.raises(ValueError, match="error during user callback"):
        filtered(file, "x", hdf5_filter.FILTER_ID, number)
    assert f"the filter {name} stands behind this one" in capfd.readouterr().err


@pytest.mark.parametrize("written", [0, 1, 3])
def test_without_a_fill_value(tmp_path: Path, written: int) -> None:
    """Chunks at the edge and missing ones are zero, as HDF5 has them."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    assert ctypes.CDLL(h5py.h5p.__file__).H5Pset_fill_value(ctypes.c_int64(plist.id), ctypes.c_int64(-1), None) >= 0
    data = made("<i4", (70, 99))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple(data.shape)
        h5py.Dataset(h5py.h5d.create(file.id, b"contiguous", h5py.h5t.STD_I32LE, space, plist))[...] = data
        plist.set_chunk((32, 32))
        plist.set_filter(hdf5_filter.FILTER_ID, h5py.h5z.FLAG_MANDATORY, ())
        chunks = h5py.Dataset(h5py.h5d.create(file.id, b"chunks", h5py.h5t.STD_I32LE, space, plist))
        chunks[: 32 * written, :32] = data[: 32 * written, :32]
    assert hdf5_filter.verify(tmp_path / "a.h5").sound
    assert hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False).verified
    assert hdf5_filter.decompress(tmp_path / "b.h5", tmp_path / "c.h5").verified
    with h5py.File(tmp_path / "c.h5") as file:
        assert (file["contiguous"][...] == data).all()
        assert (file["chunks"][: 32 * written, :32] == data[: 32 * written, :32]).all()


def test_virtual_and_contiguous_datasets_are_read(file: h5py.File) -> None:
    data = made("u2", (40, 50))
    real = hdf5_filter.write_dataset(file, "real", data, chunks=(16, 16))
    layout = h5py.VirtualLayout((2, 40, 50), "u2")
    layout[0] = layout[1] = h5py.VirtualSource(real)
    virtual = file.create_virtual_dataset("virtual", layout)
    assert (hdf5_filter.read_dataset(virtual, (1, slice(3, 9))) == data[3:9]).all()
    file["plain"] = data
    assert (hdf5_filter.read_dataset(file["plain"], slice(3, 9)) == data[3:9]).all()


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("S5", "type class string"),
        (np.dtype([("a", "i4"), ("b", "f8")]), "compound type"),
        (np.dtype([("a", "i4"), ("b", "i4"), ("c", "i4")]), "compound type"),
        (np.dtype("V7"), "type class opaque"),
        (np.dtype(("i2", (3,))), "type class array"),
        (np.longdouble, "float of 16 bytes"),
    ],
)
def test_types_that_cannot_be_coded(file: h5py.File, dtype: Any, text: str) -> None:
    """Even where the filter is optional."""
    with pytest.raises(ValueError, match="error during user callback"):
        file.create_dataset("x", (5,), dtype, chunks=(2,), compression=hdf5_filter.AstroCodec())
    if np.dtype(dtype).subdtype is None:
        with pytest.raises(TypeError, match=text):
            hdf5_filter.write_dataset(file, "y", np.zeros(5, dtype))


@pytest.mark.parametrize("base", ["f4", ">f8", "i4", "u1"])
def test_pairs_of_any_number(file: h5py.File, base: str) -> None:
    """{r, i} of integers, as correlators write them."""
    data = np.zeros((30, 40), [("r", base), ("i", base)])
    data["r"], data["i"] = made(base, (30, 40)), made(base, (30, 40), 1)
    dataset = file.create_dataset("x", data=data, chunks=(16, 16), compression=hdf5_filter.AstroCodec())
    assert dataset[...].tobytes() == data.tobytes()
    assert hdf5_filter.read_dataset(dataset).tobytes() == data.tobytes()


def test_noise_that_does_not_compress_is_stored(file: h5py.File) -> None:
    data = np.random.default_rng(0).integers(0, 1 << 64, (64, 64), "u8")
    dataset = file.create_dataset("x", data=data, chunks=(32, 32), compression=hdf5_filter.AstroCodec())
    assert (dataset[...] == data).all()
    assert dataset.id.get_storage_size() <= data.nbytes + 4 * 64


def test_floats_keep_every_bit(file: h5py.File) -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, (40, 50), "u8").astype("u4")
    data = bits.view("f4")  # NaNs with payloads among them
    dataset = hdf5_filter.write_dataset(file, "x", data, chunks=(16, 16))
    assert hdf5_filter.read_dataset(dataset).tobytes() == data.tobytes() == dataset[...].tobytes()


def damage(dataset: h5py.Dataset, offset: tuple[int, ...], change: Any) -> None:
    """Write a chunk of other bytes."""
    stream = bytearray(dataset.id.read_direct_chunk(offset)[1])
    dataset.id.write_direct_chunk(offset, bytes(change(stream)))


def _flipped(stream: bytearray) -> bytearray:
    stream[len(stream) // 2] ^= 16
    return stream


def _newer(stream: bytearray) -> bytearray:
    stream[2] = 2
    return stream


def _other_model(stream: bytearray) -> bytearray:
    at = stream.index(bytes.fromhex("e15e5f01d16e2896"))
    stream[at : at + 8] = bytes.fromhex("0123456789abcdef")
    return stream


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (_flipped, CorruptError, r"piece 0 \(plane 0, row 0, column 0\), byte \d+: "),
        (lambda stream: stream[:-9], CorruptError, r"piece 0 \(plane 0, row 0, column 0\), byte \d+: \d+ bytes needed"),
        (_newer, VersionError, "byte 2: stream version 2 found.*upgrade astrocodec"),
        (_other_model, ModelNotFoundError, "model 0123456789abcdef"),
    ],
)
def test_errors_say_what_and_where(
    file: h5py.File, change: Any, error: type[Exception], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = hdf5_filter.write_dataset(file, "sci", made("u2", (40, 50)), chunks=(20, 25))
    damage(dataset, (20, 0), change)
    kinds = (error, ValueError) if error is CorruptError else error
    with pytest.raises(kinds, match=rf"x\.h5: dataset '/sci', chunk at \(20, 0\): .*{text}"):
        hdf5_filter.read_dataset(dataset)
    with pytest.raises(OSError, match="filter returned failure"):
        dataset[...]
    assert (hdf5_filter.read_dataset(dataset, slice(0, 20)) == made("u2", (40, 50))[:20]).all()


def test_many_threads_at_once(tmp_path: Path) -> None:
    """Several tuned datasets in several threads share the few models that are kept."""
    rng = np.random.default_rng(0)
    frames = [rng.normal(1000, 20 + 5 * k, (256, 256)).astype("u2") for k in range(4)]
    codecs = [hdf5_filter.AstroCodec(tuned_model(k)) for k in range(4)]
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with h5py.File.in_memory() as file:
                for k, (frame, codec) in enumerate(zip(frames, codecs, strict=True)):
                    dataset = hdf5_filter.write_dataset(file, str(k), frame, chunks=(64, 64), codec=codec, workers=2)
                    assert (hdf5_filter.read_dataset(dataset, workers=2) == frame).all()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@pytest.mark.parametrize(
    "shape", [(7,), (10**7,), (1, 1), (3, 100000), (100000, 3), (5, 30, 40), (10**6, 8, 8), (0, 64, 64)]
)
@pytest.mark.parametrize("itemsize", [1, 2, 4, 8, 16])
def test_chunks_that_we_choose_are_moderate(shape: tuple[int, ...], itemsize: int) -> None:
    chunk = choose_chunks(shape, itemsize)
    assert len(chunk) == len(shape)
    assert min(chunk) >= 1
    assert all(side <= max(length, 1) or length == 0 for side, length in zip(chunk, shape, strict=True))
    assert np.prod(chunk) * itemsize <= 4 << 20


def test_both_ways_to_give_options(file: h5py.File) -> None:
    codec = hdf5_filter.AstroCodec(thorough=True)
    first = file.create_dataset("a", data=made("u2", (40, 50)), chunks=(16, 16), compression=codec)
    second = file.create_dataset("b", data=made("u2", (40, 50)), chunks=(16, 16), **codec)
    third = file.create_dataset("c", data=made("u2", (40, 50)), chunks=(16, 16), compression=hdf5_filter.FILTER_ID)
    assert chunks_of(first) == chunks_of(second)
    assert (third[...] == first[...]).all()


def test_registration() -> None:
    assert hdf5_filter.register(force=True)
    assert not hdf5_filter.register(force=False)
    assert hdf5_filter.get_filters() == (hdf5_filter.AstroCodec,)
    with pytest.raises(ValueError, match="filter 32001 is not here"):
        hdf5_filter.get_filters([44045, 32001])
    config = hdf5_filter.get_config()
    assert config["registered"]
    assert Path(config["library"]).parent == Path(hdf5_filter.PLUGIN_PATH)
