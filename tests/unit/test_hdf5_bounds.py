"""A bound in the filter's values: what Python writes, the C library keeps, whoever writes chunks."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import astrocodec
import hdf5_filter
from astrocodec._native.chunk import ChunkCodec
from astrocodec.bounds import Bound, blank_bits
from astrocodec.errors import CorruptError, DifferenceError
from astrocodec.files.file_report import ImageLoss
from astrocodec.stages.crc32c import crc32c
from hdf5_filter.values import FilterValues

FRAME = np.random.default_rng(1).normal(1000, 20, (128, 128))
WORDS = {
    "noise_increase": 0.01,
    "gain": 2.0,
    "read_noise": 5.0,
    "dither": False,
    "protect_sources": True,
    "saturation": 6e4,
}


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">i2", ">i4", "<f4", ">f8"])
def test_the_plain_pipeline_keeps_the_bound(dtype: str, tmp_path: Path) -> None:
    """As astrocodec.encode does, byte for byte; the file is opened again, since HDF5 keeps what was written."""
    data = (FRAME / (8 if dtype == "u1" else 1)).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=data.shape, compression=hdf5_filter.AstroCodec(max_error=3))
    with h5py.File(tmp_path / "a.h5") as file:
        found, stream = file["x"][...], bytes(file["x"].id.read_direct_chunk((0, 0))[1])
    assert 2 < np.abs(found.astype("f8") - data.astype("f8")).max() <= 3
    assert stream == astrocodec.encode(data, max_error=3)


@pytest.mark.parametrize("dtype", ["<i8", "<f2", "b1", "<c8", [("re", "i2"), ("im", "i2")]])
def test_types_of_no_bound_are_refused(dtype: object) -> None:
    with h5py.File.in_memory() as file, pytest.raises(ValueError, match="user callback"):
        file.create_dataset("x", (8, 8), dtype, chunks=(8, 8), compression=hdf5_filter.AstroCodec(max_error=3))
    with h5py.File.in_memory() as file, pytest.raises(TypeError, match="losslessly only"):
        hdf5_filter.write_dataset(file, "x", np.zeros((8, 8), dtype), codec=hdf5_filter.AstroCodec(max_error=3))


def test_a_filter_before_is_refused() -> None:
    """Bytes that were shuffled have no bound."""
    codec = hdf5_filter.AstroCodec(max_error=3)
    with h5py.File.in_memory() as file, pytest.raises(ValueError, match="user callback"):
        file.create_dataset("x", (8, 8), "u2", chunks=(8, 8), shuffle=True, compression=codec)


@pytest.mark.parametrize("dtype", [">i2", "<f4", ">f8"])
def test_fill_values_are_kept(dtype: str, tmp_path: Path) -> None:
    data = FRAME.astype(dtype)
    data[3, 5:50] = -999
    codec = hdf5_filter.AstroCodec(**WORDS)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=data.shape, fillvalue=-999, compression=codec)
    with h5py.File(tmp_path / "a.h5") as file:
        found = file["x"][...]
        values = tuple(file["x"].id.get_create_plist().get_filter(0)[2])
    assert (found[3, 5:50] == -999).all()
    assert (found != data).any()
    assert FilterValues.from_values(values).blank == blank_bits(-999, data.dtype)
    bound = FilterValues.from_values(values).bound
    assert {name: getattr(bound, name) for name in WORDS} == WORDS


def test_options_survive() -> None:
    codec = hdf5_filter.AstroCodec(**WORDS)
    assert hdf5_filter.from_filter_options(44045, codec.filter_options) == codec
    assert codec.get_config().items() >= WORDS.items()


@pytest.mark.parametrize("bad", [{"gain": 2}, {"max_error": -1}, {"max_error": 1, "planes": "residuals"}])
def test_contradicting_options_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"give one|above 0|goes with no bound"):
        hdf5_filter.AstroCodec(**bad)


@pytest.mark.parametrize(("place", "value"), [(9, 9), (9, 1 << 15), (9, 1 << 9), (9, 1 << 12), (9, 1 << 11), (11, 0)])
def test_contradicting_values_are_refused(place: int, value: int) -> None:
    """By Python and C alike, though their checksum is right."""
    good = FilterValues(bound=Bound(3)).to_values()
    values = np.array([*good[:-1]], "<u4")
    values[place] = value
    made = (*values.tolist(), crc32c(values))
    with pytest.raises(CorruptError):
        FilterValues.from_values(made)
    with pytest.raises(CorruptError):
        ChunkCodec(made).encode(np.zeros(4, "u2"))


def test_a_bound_that_is_named_only_is_refused() -> None:
    for read in (FilterValues.from_values, lambda values: ChunkCodec(values).encode(np.zeros(4, "u2"))):
        with pytest.raises(CorruptError):
            read((1, 32))


def lossy_file(path: Path, **words: object) -> np.ndarray:
    """A dataset of four chunks, two of them beyond its edge, as any program writes it."""
    data = np.pad(FRAME, ((0, 0), (0, 40)), "reflect").astype("f4")
    with h5py.File(path, "w", libver="v110") as file:
        file.create_dataset("x", data=data, chunks=(64, 128), compression=hdf5_filter.AstroCodec(**words))
        file.create_dataset("exact", data=data, chunks=(64, 128), compression=hdf5_filter.AstroCodec())
    return data


@pytest.mark.parametrize("words", [{"max_error": "0.5sigma"}, {"noise_increase": 0.01}, {"max_error": "1%"}])
def test_every_reader_says_what_was_lost(words: dict[str, object], tmp_path: Path) -> None:
    data = lossy_file(tmp_path / "a.h5", **words)
    for report in (hdf5_filter.info(tmp_path / "a.h5"), hdf5_filter.verify(tmp_path / "a.h5")):
        exact, lossy = report.datasets
        assert (exact.loss, exact.note) == (None, "")
        assert lossy.note == f"lossy: {lossy.loss}"
    with h5py.File(tmp_path / "a.h5") as file:
        found, loss = file["x"][...], hdf5_filter.loss_of(file["x"])
    assert loss is not None
    changes = np.abs(found - data.astype("f8"))
    most = (changes / np.abs(data)).max() if loss.is_relative else changes.max()
    assert 0 < most == pytest.approx(loss.largest_error)
    assert loss.largest_error <= loss.max_error
    assert loss.variance == pytest.approx((changes[:, :128] ** 2).mean())  # of whole chunks
    assert (changes[:, 128:] ** 2).mean() == pytest.approx(loss.variance, rel=0.2)
    assert (loss.noise_increase is None) == loss.is_relative


def test_a_bound_that_nothing_was_lost_by_is_told() -> None:
    with h5py.File.in_memory() as file:
        dataset = file.create_dataset("x", (8, 8), "u2", chunks=(8, 8), compression=hdf5_filter.AstroCodec(max_error=3))
        assert hdf5_filter.loss_of(dataset) == ImageLoss("max_error 3", False, 0, 0, 0, None)


def test_a_lossy_file_is_judged_by_its_bound(tmp_path: Path) -> None:
    """Against its original; what is restored of it says so too, and is as lossy, not more."""
    data = lossy_file(tmp_path / "a.ac.h5", max_error=3)
    for name in ("a.h5", "bad.h5"):
        with h5py.File(tmp_path / name, "w", libver="v110") as file:
            file.create_dataset("exact", data=data)
            file.create_dataset("x", data=data)
            file["x"][70, 150] += 4 * (name == "bad.h5")
    restored = tmp_path / "restored.h5"
    report = hdf5_filter.decompress(tmp_path / "a.ac.h5", restored)
    assert report.datasets[1].note.startswith("lossy before: max_error 3, within 3 (largest error 2.99")
    for path in (tmp_path / "a.ac.h5", restored):
        report = hdf5_filter.verify(path, tmp_path / "a.h5")
        assert (report.checked, report.datasets[1].note.startswith("lossy: max_error 3")) == ("verified", True)
        with pytest.raises(DifferenceError, match=r"differs at \(70, 150\) .* by more than it says"):
            hdf5_filter.verify(path, tmp_path / "bad.h5")
    assert hdf5_filter.verify(restored, tmp_path / "a.ac.h5").checked == "verified"
    assert hdf5_filter.verify(tmp_path / "a.ac.h5", restored).checked == "verified"
    with h5py.File(restored, "r+") as file:
        assert hdf5_filter.loss_of(file["x"]).asked == "max_error 3"
        file["x"][70, 150] += 1
    with pytest.raises(DifferenceError, match="differs at"):
        hdf5_filter.verify(restored, tmp_path / "a.ac.h5")


def test_what_is_there_is_not_rounded_again() -> None:
    codec = hdf5_filter.AstroCodec(max_error=3)
    with h5py.File.in_memory() as file:
        cube = hdf5_filter.write_dataset(file, "x", FRAME[np.newaxis], codec=codec, chunks=(1, 64, 64), append=True)
        hdf5_filter.write_dataset(file, "x", FRAME[np.newaxis], append=True)
        assert cube.shape == (2, 128, 128)
        hdf5_filter.write_dataset(file, "y", FRAME, codec=codec, chunks=(100, 128), append=True)
        with pytest.raises(ValueError, match="rounded again"):
            hdf5_filter.write_dataset(file, "y", FRAME, append=True)
