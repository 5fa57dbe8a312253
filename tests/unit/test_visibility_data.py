"""Sets of visibilities: all formats give the same, absent rows are told, blocks follow each other."""

from pathlib import Path

import numpy as np
import pytest
from uvh5_files import write_uvh5

from astrocodec.errors import FormatError
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
from astrocodec.simulate.visibility_files import write_visibilities
from astrocodec.visibility.data import open_visibilities
from astrocodec.visibility.data.grid import grid_rows

MADE = Visibilities(VisibilitySettings("meerkat", stations=4, times=5, channels=8, occupied=0.2, seed=3))


def test_rows_of_any_order_make_a_grid() -> None:
    times, first, second = [7, 7, 8, 8, 8, 9], [1, 0, 0, 1, 0, 1], [0, 2, 2, 0, 2, 0]
    grid = grid_rows(times, first, second)  # the second row of 0-2 at 8 is at a time of its own
    assert grid.rows.tolist() == [[0, 1], [3, 2], [-1, 4], [5, -1]]
    assert (grid.times.tolist(), grid.antenna1.tolist(), grid.antenna2.tolist()) == ([7, 8, 8, 9], [1, 0], [0, 2])
    assert not grid.is_table
    sparse = grid_rows(range(6), range(6), [9] * 6)
    assert sparse.rows.tolist() == [[i] for i in range(6)]
    assert grid_rows([], [], []).rows.size == 0


def test_archives_of_numpy(tmp_path: Path) -> None:
    write_visibilities(MADE, tmp_path / "a.npz")
    (found,) = open_visibilities(tmp_path / "a.npz")
    assert found.shape == MADE.shape
    assert found.polarizations == ("XX", "XY", "YX", "YY")
    whole = MADE.block(0, 5)
    for number, block in enumerate(found.blocks(times=2)):
        assert block.start == 2 * number
        assert np.array_equal(block.vis, whole.vis[2 * number : 2 * number + 2])
        assert np.array_equal(block.flags, whole.flags[2 * number : 2 * number + 2])
    np.savez(tmp_path / "b.npz", vis=np.zeros(3))
    with pytest.raises(FormatError, match="no archive of visibilities"):
        open_visibilities(tmp_path / "b.npz")


def test_rows_that_are_absent_are_flagged_and_zero(tmp_path: Path) -> None:
    vis = np.ones((5, 1, 2, 1), "c8")
    rows = {"times_jd": [1, 1, 2, 3, 3.0], "antenna1": [[0]] * 5, "antenna2": [[1], [2], [2], [1], [2]]}
    np.savez(tmp_path / "a.npz", vis=vis, flags=vis == 0, freqs_hz=[1.0, 2.0], **rows)
    (found,) = open_visibilities(tmp_path / "a.npz")
    block = found.read(0, 3)
    assert block.present.tolist() == [[True, True], [False, True], [True, True]]
    assert block.flags[1, 0].all()
    assert not block.vis[1, 0].any()
    assert np.isnan(block.uvw[1, 0]).all()


@pytest.mark.parametrize("by_baseline", [False, True])
def test_uvh5(tmp_path: Path, by_baseline: bool) -> None:
    pytest.importorskip("h5py")
    block = MADE.block(0, 5)
    write_uvh5(tmp_path / "a.uvh5", block.vis, block.flags, by_baseline=by_baseline)
    (found,) = open_visibilities(tmp_path / "a.uvh5")
    part = found.read(1, 4)
    assert np.array_equal(part.vis, block.vis[1:4])
    assert np.array_equal(part.flags, block.flags[1:4])
    assert (found.telescope, found.polarizations) == ("HERA", ("XX", "YY", "XY", "YX"))


def test_integers_of_a_correlator(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    vis = np.arange(2 * 3 * 4 * 1 * 2, dtype="i4").reshape(2, 3, 4, 1, 2)
    write_uvh5(tmp_path / "a.uvh5", vis, np.zeros(vis.shape[:4], bool))
    (found,) = open_visibilities(tmp_path / "a.uvh5")
    assert found.dtype == np.dtype("i4")
    assert np.array_equal(found.read(0, 2).vis, vis)


def test_measurement_sets_and_uvfits(tmp_path: Path) -> None:
    pytest.importorskip("casacore", reason="Measurement Sets need python-casacore")
    block = MADE.block(1, 4)
    write_visibilities(MADE, tmp_path / "a.ms")
    (found,) = open_visibilities(tmp_path / "a.ms")
    part = found.read(1, 4)
    assert np.array_equal(part.vis, block.vis.conj())
    assert np.array_equal(part.flags, block.flags)
    with pytest.raises(FormatError, match="no column CORRECTED_DATA; its columns are"):
        open_visibilities(tmp_path / "a.ms", "CORRECTED_DATA")
    with pytest.raises(FormatError, match="cannot be opened as a table"):
        open_visibilities(tmp_path)
    pytest.importorskip("pyuvdata", reason="uvfits needs pyuvdata")
    write_visibilities(MADE, tmp_path / "a.uvfits")
    (found,) = open_visibilities(tmp_path / "a.uvfits")
    part = found.read(1, 4)
    assert np.allclose(part.vis, block.vis[..., [0, 3, 1, 2]], rtol=1e-6)
    assert np.array_equal(part.flags, block.flags[..., [0, 3, 1, 2]])
