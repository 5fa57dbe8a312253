"""Whole HDF5 files: everything survives compression and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdf5_files import write_everything
from hdf5_programs import program

import hdf5_filter
from astrocodec.errors import FormatError

COMPRESSED = {
    "/big_endian",
    "/hard",
    "/halves",
    "/mask",
    "/numbers",
    "/sparse",
    "/states",
    "/visibilities",
}


@pytest.fixture(
    scope="module", params=[{}, {"libver": "latest", "track_order": True}, {"userblock_size": 1024}], ids=str
)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, and its compressed copy beside it."""
    folder = tmp_path_factory.mktemp("night")
    source = folder / "night.h5"
    write_everything(source, **request.param)
    if "userblock_size" in request.param:
        with source.open("r+b") as file:
            file.write(b"USERBLOCK")
    report = hdf5_filter.compress(source, folder / "night.ac.h5", tune=False, workers=2)
    assert report.verified
    kinds = {entry.name: entry for entry in report.datasets}
    found = {name for name, entry in kinds.items() if entry.kind == "compressed"}
    if "/sky/b_cube" in found:  # whichever of its names comes first
        found = found - {"/sky/b_cube"} | {"/hard"}
    assert found >= COMPRESSED
    assert kinds["/noise"].note == "would not become smaller"
    assert kinds["/virtual"].note == "virtual"
    assert kinds["/strings"].note == "its type is not coded"
    return source


def test_everything_is_there(night: Path) -> None:
    packed = night.with_name("night.ac.h5")
    with h5py.File(night) as first, h5py.File(packed) as second:
        assert list(first) == list(second)
        assert list(first["sky"]) == list(second["sky"]) == ["b_cube", "a_time"]
        cube = second["soft"]
        assert cube == second["hard"] == second[second.attrs["main"]] == second[second["references"][0]]
        assert not second["references"][2]
        assert cube.dims[0][0].name == "/sky/a_time"
        assert cube.dims[0].label == "t"
        assert second["sky/a_time"].is_scale
        assert cube.maxshape == (None, 150, 200)
        assert cube.fillvalue == 9
        region = second["regions"][0]
        assert (second[region][region] == first["hard"][0, 2:5]).all()
        assert second["records"].id.get_type().committed()
        assert second["numbers"].id.get_type().committed()
        assert second["loop"] == second["/"]
        assert h5py.check_enum_dtype(second["states"].dtype) == {"OFF": 0, "ON": 1}
        assert ".astrocodec types" not in second
        assert second["external"].file if Path("other.h5").exists() else True
        plist = cube.id.get_create_plist()
        assert plist.get_filter(0)[1] == h5py.h5z.FLAG_MANDATORY
    if night.read_bytes().startswith(b"USERBLOCK"):
        assert packed.read_bytes().startswith(b"USERBLOCK")


def test_h5diff_finds_no_difference(night: Path) -> None:
    with h5py.File(night) as file:
        if file.id.get_create_plist().get_version()[0] >= 3:
            pytest.skip("HDF5 1.10 cannot read the newest format")
    result = program("h5diff", night, night.with_name("night.ac.h5"))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("to", ["plain", "gzip"])
def test_it_comes_back(night: Path, tmp_path: Path, to: Any) -> None:
    report = hdf5_filter.decompress(night.with_name("night.ac.h5"), tmp_path / "back.h5", to=to, workers=2)
    assert report.verified
    assert hdf5_filter.verify(tmp_path / "back.h5", night).verified
    with h5py.File(tmp_path / "back.h5") as file:
        assert not [entry for entry in hdf5_filter.info(tmp_path / "back.h5").datasets if "astrocodec" in entry.filters]
        assert file["hard"].maxshape == (None, 150, 200)


@pytest.mark.parametrize("to", ["plain", "gzip"])
def test_fletcher32_stays(tmp_path: Path, to: Any) -> None:
    """It follows our filter, and what replaces ours."""
    data = np.random.default_rng(0).poisson(300, (200, 300)).astype("u2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=(100, 100), compression="gzip", shuffle=True, fletcher32=True)
    hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    assert hdf5_filter.info(tmp_path / "b.h5").datasets[0].filters == ["astrocodec", "fletcher32"]
    assert hdf5_filter.verify(tmp_path / "b.h5").checked == "decoded"
    hdf5_filter.decompress(tmp_path / "b.h5", tmp_path / "c.h5", to=to)
    expected = ["shuffle", "gzip", "fletcher32"] if to == "gzip" else ["fletcher32"]
    assert hdf5_filter.info(tmp_path / "c.h5").datasets[0].filters == expected
    with h5py.File(tmp_path / "c.h5") as file:
        assert (file["x"][...] == data).all()


def test_compressing_again_keeps_what_is_compressed(night: Path, tmp_path: Path) -> None:
    packed = night.with_name("night.ac.h5")
    report = hdf5_filter.compress(packed, tmp_path / "again.h5", tune=False)
    assert not [entry for entry in report.datasets if entry.kind == "compressed"]
    assert {entry.note for entry in report.datasets if entry.model} == {"compressed already"}


def test_verify_and_info(night: Path) -> None:
    packed = night.with_name("night.ac.h5")
    assert hdf5_filter.verify(packed, workers=2).checked == "not checked"  # it has datasets without a filter
    assert hdf5_filter.verify(packed, night).verified
    report = hdf5_filter.info(packed)
    assert {entry.name for entry in report.datasets if entry.kind == "compressed"} >= COMPRESSED - {"/hard"}
    assert report.original_bytes > report.compressed_bytes


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda f: f["hard"].__setitem__((1, 2, 3), 77), r"differs at \(1, 2, 3\)"),
        (lambda f: f["hard"].attrs.__setitem__("BUNIT", "e"), "attribute 'BUNIT' differs"),
        (lambda f: f.__delitem__("mask"), "other links"),
        (lambda f: f["hard"].resize(5, axis=0), "shape"),
        (lambda f: f["references"].__setitem__(0, f["sky"].ref), r"/references. differs at \(0,\)"),
        (lambda f: f.attrs.__setitem__("main", f["sky"].ref), "attribute 'main' differs"),
        (lambda f: [f.__delitem__("soft"), f.__setitem__("soft", h5py.SoftLink("/y"))], "link leads elsewhere"),
        (lambda f: f["strings"].__setitem__(0, "other"), "strings' differs"),
        (lambda f: f["scalar"].__setitem__((), 4), "value differs"),
    ],
)
def test_verify_finds_what_differs(tmp_path: Path, change: Any, text: str) -> None:
    source, packed = tmp_path / "night.h5", tmp_path / "night.ac.h5"
    write_everything(source)
    hdf5_filter.compress(source, packed, tune=False)
    with h5py.File(packed, "r+") as file:
        change(file)
    with pytest.raises(hdf5_filter.DifferenceError, match=text):
        hdf5_filter.verify(packed, source)


def test_chosen_datasets_and_chunks(tmp_path: Path) -> None:
    source = tmp_path / "night.h5"
    write_everything(source)
    report = hdf5_filter.compress(
        source, tmp_path / "a.h5", datasets=["sky", "numbers", "sky/a_time"], chunks=(64, 64), tune=False
    )
    chunks = {entry.name: entry.chunks for entry in report.datasets if entry.kind == "compressed"}
    assert chunks == {"/hard": (1, 64, 64), "/numbers": (64, 64)}
    with pytest.raises(ValueError, match="no dataset 'absent'"):
        hdf5_filter.compress(source, tmp_path / "b.h5", datasets=["absent"])
    with pytest.raises(ValueError, match="'strings' cannot be compressed: its type is not coded"):
        hdf5_filter.compress(source, tmp_path / "b.h5", datasets=["strings"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "night.h5"]


def test_what_is_chosen_is_in_this_file(tmp_path: Path) -> None:
    """A link to another file may lead to an address that something else has here."""
    for name in ("other.h5", "a.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file["group/x"] = np.zeros((100, 200), "u2")
            file["link"] = h5py.ExternalLink("other.h5", "/group")
    for chosen in ("link", "link/x"):
        with pytest.raises(ValueError, match=rf"a\.h5: '{chosen}' leads to .*other\.h5"):
            hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", datasets=[chosen], tune=False)
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize("chunks", [(0,), (-3, 4), (64, 0), ()])
def test_chunks_have_sides(night: Path, tmp_path: Path, chunks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="sides of at least 1"):
        hdf5_filter.compress(night, tmp_path / "b.h5", chunks=chunks)
    assert not (tmp_path / "b.h5").exists()


def test_targets(tmp_path: Path) -> None:
    source = tmp_path / "a.h5"
    with h5py.File(source, "w") as file:
        file["x"] = np.zeros((100, 100))
    with pytest.raises(FileExistsError, match="same file"):
        hdf5_filter.compress(source, source, overwrite=True)
    (tmp_path / "b.h5").write_bytes(b"")
    with pytest.raises(FileExistsError):
        hdf5_filter.compress(source, tmp_path / "b.h5")
    hdf5_filter.compress(source, tmp_path / "b.h5", overwrite=True)
    with pytest.raises(FormatError, match="not an HDF5 file"):
        hdf5_filter.compress(Path(__file__), tmp_path / "c.h5")
    with pytest.raises(FileNotFoundError):
        hdf5_filter.compress(tmp_path / "absent.h5", tmp_path / "c.h5")
    whole = (tmp_path / "b.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="cannot be opened as HDF5"):
        hdf5_filter.compress(tmp_path / "cut.h5", tmp_path / "c.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5", "cut.h5"]


def test_tuning_and_progress(tmp_path: Path) -> None:
    """A model for each dataset, in its own header."""
    from astrocodec.simulate import simulate

    frames = np.stack([simulate("ccd", shape=(512, 544), seed=seed).data for seed in range(2)])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["sci"] = frames
    calls: list[tuple[int, int]] = []
    progress = lambda done, total: calls.append((done, total))  # noqa: E731
    tuned = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", effort=1, progress=progress)
    general = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "c.h5", tune=False)
    assert tuned.datasets[0].tuned
    assert not general.datasets[0].tuned
    assert tuned.compressed_bytes < general.compressed_bytes
    assert calls == sorted(calls)
    assert calls[-1][0] == calls[-1][1] == 2 * frames.nbytes
    assert tuned.to_dict()["datasets"][0]["name"] == "/sci"


def test_sizes_are_those_with_and_without_compression(night: Path, tmp_path: Path) -> None:
    """In both directions, of the file and of each dataset."""
    packed = night.with_name("night.ac.h5")
    report = hdf5_filter.decompress(packed, tmp_path / "back.h5")
    assert report.compressed_bytes == packed.stat().st_size
    assert report.original_bytes == (tmp_path / "back.h5").stat().st_size
    listed = {entry.name: entry for entry in hdf5_filter.info(packed).datasets}
    for entry in report.datasets:
        if entry.kind == "decompressed":
            found = listed[entry.name]
            assert (entry.original_bytes, entry.compressed_bytes) == (found.original_bytes, found.compressed_bytes)
            assert (entry.model, entry.bits_per_pixel) == (found.model, found.bits_per_pixel)


def test_only_smaller_files_are_written_on_request(night: Path, tmp_path: Path) -> None:
    """Nothing is to be gained of noise in every bit."""
    noise, again = tmp_path / "noise.h5", tmp_path / "again.h5"
    with h5py.File(noise, "w") as file:
        file["noise"] = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    report = hdf5_filter.compress(noise, again, effort=1, only_smaller=True)
    assert (report.target, report.checked, list(tmp_path.iterdir())) == ("", "not checked", [noise])
    assert hdf5_filter.compress(night, again, tune=False, only_smaller=True).target == str(again)
