"""uvh5 files with the filter: nothing is lost unless asked, programs read them, and they come back."""

from pathlib import Path

import numpy as np
import pytest
from uvh5_files import write_uvh5

from astrocodec.errors import FormatError
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings

h5py = pytest.importorskip("h5py")
hdf5_filter = pytest.importorskip("hdf5_filter")

from astrocodec.visibility.coding import Lossy  # noqa: E402
from astrocodec.visibility.data.uvh5 import Uvh5Set  # noqa: E402
from astrocodec.visibility.uvh5_files import compress_uvh5  # noqa: E402

MADE = Visibilities(VisibilitySettings("meerkat", stations=4, times=7, channels=16, occupied=0.2, seed=3)).block(0, 7)


@pytest.mark.parametrize("kind", ["complex64", "complex128", "by baseline", "integers", "big endian"])
def test_nothing_is_lost(tmp_path: Path, kind: str) -> None:
    vis = MADE.vis.astype(kind) if kind.startswith("complex") else MADE.vis
    if kind == "integers":
        vis = np.stack([vis.real, vis.imag], axis=-1).round().astype("i4")
    if kind == "big endian":
        vis = vis.astype(">c8")
    write_uvh5(tmp_path / "a.uvh5", vis, MADE.flags, by_baseline=kind == "by baseline")
    report = compress_uvh5(tmp_path / "a.uvh5", tmp_path / "b.uvh5")
    kinds = {entry.name: entry.kind for entry in report.datasets if entry.name.startswith("/Data")}
    assert kinds == dict.fromkeys(["/Data/visdata", "/Data/flags", "/Data/nsamples"], "compressed")
    assert report.checked == "verified"
    with h5py.File(tmp_path / "a.uvh5") as one, h5py.File(tmp_path / "b.uvh5") as other:
        for name in ("visdata", "flags", "nsamples"):
            assert one["Data"][name].dtype == other["Data"][name].dtype
            assert one["Data"][name][...].tobytes() == other["Data"][name][...].tobytes()  # by HDF5's own pipeline
            assert other["Data"][name].id.get_create_plist().get_filter(0)[1] == h5py.h5z.FLAG_MANDATORY
        assert other["Data/flags"].id.get_storage_size() < 300
    assert hdf5_filter.verify(tmp_path / "b.uvh5", tmp_path / "a.uvh5").checked == "verified"
    hdf5_filter.decompress(tmp_path / "b.uvh5", tmp_path / "c.uvh5")
    with h5py.File(tmp_path / "a.uvh5") as one, h5py.File(tmp_path / "c.uvh5") as other:
        assert one["Data/visdata"][...].tobytes() == other["Data/visdata"][...].tobytes()


@pytest.mark.parametrize("order", ["time", "baseline", "rows that lack some"])
def test_each_baseline_loses_what_was_asked_in_any_order_of_rows(tmp_path: Path, order: str) -> None:
    rng, scales = np.random.default_rng(5), np.array([1, 2, 5, 10, 0.1, 3])
    noise = rng.normal(size=(24, 6, 32, 2, 2)) * scales[:, None, None, None]
    vis = noise.astype("f4").view("c8")[..., 0]
    write_uvh5(tmp_path / "a.uvh5", vis, np.zeros(vis.shape, bool), by_baseline=order == "baseline")
    if order.startswith("rows"):
        kept = np.sort(rng.permutation(len(vis) * 6)[:100])
        with h5py.File(tmp_path / "a.uvh5", "r+") as file:
            of_rows = [f"Header/{name}_array" for name in ("time", "ant_1", "ant_2")]
            for name in (*of_rows, *[f"Data/{name}" for name in file["Data"]]):
                values = file[name][...][kept]
                del file[name]
                file.create_dataset(name, data=values, chunks=True)
    compress_uvh5(tmp_path / "a.uvh5", tmp_path / "b.uvh5", lossy=Lossy("1%"))
    with h5py.File(tmp_path / "a.uvh5") as one, h5py.File(tmp_path / "b.uvh5") as other:
        error = other["Data/visdata"][...] - one["Data/visdata"][...]
        number = one["Header/ant_1_array"][...] * 10 + one["Header/ant_2_array"][...]
        share = [np.mean(np.abs(error[number == found]) ** 2) / 2 for found in np.unique(number)] / scales**2
    assert 0.007 < min(share) < max(share) < 0.013


def test_what_is_no_uvh5_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(9)
    with pytest.raises(FormatError, match="no uvh5 file"):
        compress_uvh5(tmp_path / "a.h5", tmp_path / "b.h5")
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("Header/time_array", None, "it has no Header/time_array, Header/ant_1_array and"),
        ("Header/time_array", np.arange(5.0), r"Header/time_array of shape \(5,\), \(42,\) is needed beside"),
        ("Header/time_array", 3.0, r"Header/time_array of shape \(\), "),
        ("Header/ant_1_array", np.full(42, b"x"), "Header/ant_1_array of .S1, numbers are needed"),
        ("Header", 3.0, "it has no Header/time_array"),
        ("Data/flags", np.zeros((42, 16), bool), r"Data/flags of shape \(42, 16\)"),
        ("Data/visdata", np.zeros(42), r"Data/visdata of shape \(42,\), \[row, freq, pol\] is needed"),
    ],
)
def test_what_does_not_fit_the_visibilities_is_told(tmp_path: Path, name: str, values: object, says: str) -> None:
    write_uvh5(tmp_path / "a.uvh5", MADE.vis, MADE.flags)
    with h5py.File(tmp_path / "a.uvh5", "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values
    for use in (lambda: compress_uvh5(tmp_path / "a.uvh5", tmp_path / "b.h5"), lambda: Uvh5Set(tmp_path / "a.uvh5")):
        with pytest.raises(FormatError, match=says):
            use()
    assert [path.name for path in tmp_path.iterdir()] == ["a.uvh5"]


def test_a_type_that_the_filter_does_not_code_is_copied(tmp_path: Path) -> None:
    swapped = np.dtype({"names": ["r", "i"], "formats": ["i4", "i4"], "offsets": [4, 0]})
    write_uvh5(tmp_path / "a.uvh5", MADE.vis, MADE.flags)
    with h5py.File(tmp_path / "a.uvh5", "r+") as file:
        shape = file["Data/visdata"].shape
        del file["Data/visdata"]
        file["Data/visdata"] = np.ones(shape, swapped)
    report = compress_uvh5(tmp_path / "a.uvh5", tmp_path / "b.uvh5")
    (note,) = (entry.note for entry in report.datasets if entry.name == "/Data/visdata")
    assert "compound type cannot be coded" in note
    assert report.checked == "verified"
