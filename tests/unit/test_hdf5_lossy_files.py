"""`compress` within a bound: which datasets lose something, what is kept, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdf5_filter

FRAME = np.random.default_rng(1).normal(1000, 20, (150, 160))


def made(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """A file with images that may lose something, and what must not."""
    blank, stamped = FRAME.astype("f4"), FRAME.astype(">i2")
    blank[10:40], stamped[:9] = 9.96921e36, -32768
    blank[60, :20] = np.nan
    data = {
        "f4": FRAME.astype("f4"),
        "cube": np.stack([FRAME, FRAME + 9])[:, :100],
        "blank": blank,
        "i2": stamped,
        "two": np.where(FRAME > 1000, stamped, -1),
        "i8": FRAME.astype("i8"),
        "c8": FRAME.astype("c8"),
        "f2": FRAME.astype("f2"),
        "bool": FRAME > 1000,
        "wave": FRAME.ravel(),
        "places": FRAME[:, :150].reshape(-1, 3),
        "lat": FRAME,
        "data_quality": (FRAME > 1020).astype("u2"),
        "ramp": np.add.outer(np.arange(150), np.arange(160)).astype("f4"),
        "pairs": np.zeros((99, 99), [("re", "i2"), ("im", "i2")]),
    }
    with h5py.File(path, "w", libver="v110") as file:
        for name, values in data.items():
            file.create_dataset(name, data=values)
        file["f4"].attrs["coordinates"] = "lon lat"
        file["blank"].attrs["_FillValue"] = np.float32(9.96921e36)
        for name in ("i2", "two"):
            file[name].attrs.update(
                {"_FillValue": np.int16(-32768), "missing_value": np.int16(-1), "scale_factor": 0.1}
            )
        file.create_dataset("grows", data=FRAME, maxshape=(None, 160), chunks=(128, 128), fletcher32=True)
        file.create_dataset("empty", (0, 7), "f4", maxshape=(None, 7))
        file["value"] = 3.0
    return data | {"grows": FRAME}


LOSSY = {"f4", "cube", "blank", "i2", "grows"}


def test_images_lose_something_and_nothing_else(tmp_path: Path) -> None:
    data = made(tmp_path / "a.h5")
    report = hdf5_filter.compress(
        tmp_path / "a.h5", tmp_path / "b.h5", noise_increase="1%", tune=False, verify=False, chunks=(100, 100)
    )
    assert report.checked == "verified"
    assert {part.name[1:] for part in report.datasets if part.loss} == LOSSY
    notes = {part.name[1:]: part.note for part in report.datasets}
    assert all("lossless: " in notes[name] for name in data.keys() - LOSSY)
    with h5py.File(tmp_path / "b.h5") as file:
        for name, values in data.items():
            found = file[name][...]
            if name not in LOSSY:
                assert found.tobytes() == values.tobytes(), name
                continue
            kept = ~(np.abs(values.astype("f8")) < 9000)
            assert (found[kept].tobytes(), np.isin(found[~kept], values[kept]).sum()) == (values[kept].tobytes(), 0)
            changes = np.abs(found.astype("f8") - values)[~kept]
            attributes = file[name].attrs
            assert attributes["astrocodec_lossy"] == b"noise_increase 1%"
            assert (
                5 < changes.max() <= attributes["astrocodec_largest_error"] <= attributes["astrocodec_max_error"] < 11
            )
            assert (changes**2).mean() == pytest.approx(attributes["astrocodec_added_variance"], rel=0.1)
            assert 0.007 < attributes["astrocodec_noise_growth"] < 0.011
        assert (
            hdf5_filter.from_filter_options(44045, file["f4"].id.get_create_plist().get_filter(0)[2]).values.bound
            is None
        )


def test_what_is_named_may_lose_something(tmp_path: Path) -> None:
    made(tmp_path / "a.h5")
    report = hdf5_filter.compress(
        tmp_path / "a.h5", tmp_path / "b.h5", datasets=["wave", "lat", "i8"], max_error=5, tune=False
    )
    lossy = {part.name: part.loss.max_error for part in report.datasets if part.loss}
    assert lossy == {"/wave": 5, "/lat": 5}
    again = hdf5_filter.decompress(tmp_path / "b.h5", tmp_path / "c.h5")
    assert all(part.loss is None for part in again.datasets)
    told = {part.name for part in again.datasets if part.note.startswith("lossy before: max_error 5, within 5")}
    assert told == {"/wave", "/lat"}
    report = hdf5_filter.compress(tmp_path / "c.h5", tmp_path / "d.h5", datasets=["lat"], max_error=5, tune=False)
    (lat,) = (part for part in report.datasets if part.name == "/lat")
    assert "lossless: it has lost something before (max_error 5)" in lat.note
    assert hdf5_filter.verify(tmp_path / "d.h5", tmp_path / "a.h5").checked == "verified"


@pytest.mark.parametrize(
    ("attributes", "words", "why"),
    [
        ({"add_offset": 5.0}, {"max_error": "1%"}, "add_offset"),
        ({"scale_factor": -1}, {"max_error": 3, "saturation": 1e4}, "scale_factor"),
        ({"_Unsigned": "true"}, {"noise_increase": 0.01, "gain": 2}, "_Unsigned"),
    ],
)
def test_stored_numbers_are_not_values(
    attributes: dict[str, Any], words: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=FRAME.astype("i2")).attrs.update(attributes)
    report = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False, **words)
    assert report.datasets[0].note.startswith("lossless: ")
    assert why in report.datasets[0].note
