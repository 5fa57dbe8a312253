"""vis-compress and vis-decompress: outputs, what is lost, refusals, and inputs that stay whole."""

import errno
import importlib
import os
from pathlib import Path

import numpy as np
import pytest
from cli_process import run_here, succeed_here
from uvh5_files import write_uvh5

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import DifferenceError
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings

h5py = pytest.importorskip("h5py")
MADE = Visibilities(VisibilitySettings("meerkat", stations=4, times=24, channels=32, occupied=0.1, seed=3)).block(0, 24)


def test_nothing_is_lost_unless_asked(tmp_path: Path) -> None:
    write_uvh5(tmp_path / "a.uvh5", MADE.vis, MADE.flags)
    given = (tmp_path / "a.uvh5").read_bytes()
    succeed_here("vis-compress", tmp_path / "a.uvh5")
    succeed_here("vis-decompress", tmp_path / "a.ac.uvh5", "-O", tmp_path / "b.uvh5")
    with h5py.File(tmp_path / "a.uvh5") as one, h5py.File(tmp_path / "b.uvh5") as other:
        for name in ("visdata", "flags", "nsamples"):
            assert one["Data"][name][...].tobytes() == other["Data"][name][...].tobytes()
    assert (tmp_path / "a.uvh5").read_bytes() == given


def test_noise_grows_as_was_asked_and_reports_tell(tmp_path: Path) -> None:
    write_uvh5(tmp_path / "a.uvh5", MADE.vis, MADE.flags)
    told = succeed_here("vis-compress", tmp_path / "a.uvh5", "--noise-increase", "1%", "-v").decode()
    assert "noise_increase 1% of its variance" in told
    with h5py.File(tmp_path / "a.ac.uvh5") as file:
        growth = file["Data/visdata"].attrs["astrocodec_baseline_growth"]
        assert growth.shape == (6,)
        assert 0.008 < growth.min() < growth.max() < 0.012
        assert 0.0095 < growth.mean() < 0.0102
        error = file["Data/visdata"][...].reshape(MADE.vis.shape) - MADE.vis
        assert np.array_equal(file["Data/flags"][...].reshape(MADE.flags.shape), MADE.flags)
        assert file["Data/visdata"].id.get_storage_size() < MADE.vis.nbytes / 7
    assert error.any()
    assert "on 6 baselines" in succeed_here("info", tmp_path / "a.ac.uvh5").decode()
    assert "lossy" in succeed_here("verify", tmp_path / "a.ac.uvh5", "--against", tmp_path / "a.uvh5").decode()


def test_in_place_only_when_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compress = importlib.import_module("hdf5_filter.compress")
    write_uvh5(tmp_path / "a.uvh5", MADE.vis, MADE.flags)
    given = (tmp_path / "a.uvh5").read_bytes()

    def differs(*_: object) -> None:
        raise DifferenceError("dataset differs")

    with monkeypatch.context() as patched:
        patched.setattr(compress, "compare_files", differs)
        assert run_here("vis-compress", "--in-place", tmp_path / "a.uvh5").returncode == ExitCode.DIFFERS
    assert (tmp_path / "a.uvh5").read_bytes() == given
    succeed_here("vis-compress", "--in-place", tmp_path / "a.uvh5")
    assert (tmp_path / "a.uvh5").stat().st_size < len(given)
    assert [path.name for path in tmp_path.iterdir()] == ["a.uvh5"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--lossless", "--noise-increase", "1%"), ExitCode.USAGE),
        (("--column", "DATA"), ExitCode.USAGE),
        (("--in-place", "--no-verify"), ExitCode.USAGE),
        (("--noise-increase", "-1%"), ExitCode.USAGE),
        (("--noise-increase", "much"), ExitCode.USAGE),
        (("-O", "nowhere/a"), ExitCode.BAD_DATA),
    ],
)
def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: ExitCode) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.uvh5").write_bytes(b"no visibilities")
    if arguments[0] == "--noise-increase":
        write_uvh5(Path("a.uvh5"), MADE.vis[:2], MADE.flags[:2])
    assert run_here("vis-compress", "a.uvh5", *arguments).returncode == code
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.uvh5"]


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_batches_as_of_other_files(tmp_path: Path) -> None:
    """-r, --outdir, --shard, --skip-existing, -D, -L, and two names."""
    for name in ("a", "below/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_uvh5(tmp_path / f"{name}.uvh5", MADE.vis[:8], MADE.flags[:8])
    (tmp_path / "notes.txt").touch()
    out = tmp_path / "out"
    for job in (1, 2):
        succeed_here("vis-compress", "-r", tmp_path, "--outdir", out, "--shard", f"{job}/2", "-q")
    assert names_in(out) == ["a.ac.uvh5", "below/b.ac.uvh5"]
    told = run_here("vis-compress", "-r", tmp_path / "below", "-D", "--skip-existing", "--outdir", out / "below")
    assert (told.returncode, names_in(tmp_path / "below")) == (0, [])
    assert b"done before" in told.stderr
    told = run_here("vis-compress", "-r", out)
    assert told.returncode == ExitCode.USAGE
    assert b"holds no file for this command" in told.stderr
    assert b"compressed already" in run_here("vis-compress", out / "a.ac.uvh5").stderr
    assert b"Data/visdata" in succeed_here("vis-compress", "-L", tmp_path / "a.uvh5")
    succeed_here("vis-decompress", "-r", out, "-D")
    assert names_in(out) == ["a.uvh5", "below/b.uvh5"]
    succeed_here("vis-compress", tmp_path / "a.uvh5", tmp_path / "c.uvh5")
    lossy = run_here(
        "vis-compress", tmp_path / "a.uvh5", "-O", tmp_path / "c.uvh5", "--skip-existing", "--noise-increase", "1%"
    )
    assert lossy.returncode == 0  # what is there is better than asked
    assert run_here("vis-compress", tmp_path / "a.uvh5", "-D", "-L").returncode == ExitCode.USAGE


def test_in_place_leaves_what_would_not_be_smaller(tmp_path: Path) -> None:
    write_uvh5(tmp_path / "a.uvh5", MADE.vis[:1, :1, :1], MADE.flags[:1, :1, :1])
    given = (tmp_path / "a.uvh5").read_bytes()
    assert b"left as it is" in run_here("vis-compress", "--in-place", tmp_path / "a.uvh5").stderr
    assert (tmp_path / "a.uvh5").read_bytes() == given


def test_weights_within_a_bound(tmp_path: Path) -> None:
    """Lossless by default; with a bound visibilities still are, and what weights lost is said."""
    path, rng = tmp_path / "a.uvh5", np.random.default_rng(1)
    write_uvh5(path, MADE.vis, MADE.flags)
    with h5py.File(path, "r+") as file:
        weights = rng.gamma(20, 1, file["Data/nsamples"].shape).astype("f4")
        weights[3] = 0
        file["Data/nsamples"][...] = weights
    sizes = []
    for bound, most in (("0", 0), ("1%", 0.01), ("0.5", 0.5)):
        chosen = ["--weights-error", bound] if most else []
        told = succeed_here("vis-compress", path, "-v", *chosen, "-O", tmp_path / f"{most}.uvh5").decode()
        assert (f"max_error {bound}, within" in told) == (most > 0)
        with h5py.File(tmp_path / f"{most}.uvh5") as file:
            found = file["Data/nsamples"]
            errors = np.abs(found[...].astype("f8") - weights)
            assert (errors <= (most * weights if bound.endswith("%") else most)).all()
            assert (errors.max() > 0) == (most > 0) == ("astrocodec_lossy" in found.attrs)
            sizes.append(found.id.get_storage_size())
            assert file["Data/visdata"][...].tobytes() == MADE.vis.tobytes()
    assert sizes[0] > 2 * sizes[1] > 2 * sizes[2]
    for refused in (["--lossless", "--weights-error", "1%"], ["--weights-error", "1sigma"], ["--weights-error", "x"]):
        assert run_here("vis-compress", path, *refused).returncode == ExitCode.USAGE


@pytest.mark.parametrize("option", [[], ["--in-place"], ["-D"]])
def test_an_input_that_is_not_there(tmp_path: Path, option: list[str]) -> None:
    told = run_here("vis-compress", tmp_path / "a.ms", *option)
    assert told.returncode == ExitCode.SYSTEM
    assert b"no such file" in told.stderr


def test_a_file_of_two_spectral_windows(tmp_path: Path) -> None:
    """Channels of two windows beside each other, far apart in frequency, of different widths and strengths."""
    vis = np.concatenate([MADE.vis, 100 * MADE.vis[:, :, :8]], axis=2)
    flags = np.concatenate([MADE.flags, MADE.flags[:, :, :8]], axis=2)
    path, small = tmp_path / "a b.uvh5", tmp_path / "a b.ac.uvh5"
    write_uvh5(path, vis, flags)
    windows = {
        "Nspws": np.int64(2),
        "spw_array": np.array([3, 1]),
        "flex_spw_id_array": np.repeat([3, 1], [32, 8]),
        "channel_width": np.repeat([1e5, 4e5], [32, 8]),
    }
    with h5py.File(path, "r+") as file:
        file["Header/freq_array"][32:] += 9e8
        for name, value in windows.items():
            file["Header"][name] = value
    succeed_here("vis-compress", path)
    assert "Data/visdata" in succeed_here("info", small).decode()
    succeed_here("verify", small, "--against", path)
    succeed_here("vis-decompress", small, "-O", tmp_path / "c.uvh5")
    for made in (small, tmp_path / "c.uvh5"):
        with h5py.File(path) as one, h5py.File(made) as other:
            for key in [f"{group}/{item}" for group in one for item in one[group]]:
                assert np.array_equal(one[key][()], other[key][()]), key
    succeed_here("vis-compress", path, "--noise-increase", "1%", "--overwrite")
    with h5py.File(small) as file:
        errors = file["Data/visdata"][...].reshape(vis.shape) - vis
    first, second = (np.std(errors[:, :, part]) for part in (slice(32), slice(32, 40)))
    assert 50 < second / first < 200  # each as its own noise allows


def test_pyuvdata_makes_uvfits_of_a_restored_set(tmp_path: Path) -> None:
    pyuvdata = pytest.importorskip("pyuvdata", reason="uvfits needs pyuvdata")
    from astrocodec.simulate.visibility_files import write_visibilities

    write_visibilities(
        Visibilities(VisibilitySettings("meerkat", stations=3, times=2, channels=4)), tmp_path / "a.uvh5"
    )
    succeed_here("vis-compress", tmp_path / "a.uvh5")
    succeed_here("vis-decompress", tmp_path / "a.ac.uvh5", "-O", tmp_path / "b.uvh5")
    restored = pyuvdata.UVData.from_file(str(tmp_path / "b.uvh5"), run_check_acceptability=False)
    restored.write_uvfits(str(tmp_path / "b.uvfits"), run_check_acceptability=False)
    found = pyuvdata.UVData.from_file(str(tmp_path / "b.uvfits"), run_check_acceptability=False)
    given = pyuvdata.UVData.from_file(str(tmp_path / "a.uvh5"), run_check_acceptability=False)
    found.reorder_pols(list(map(list(found.polarization_array).index, given.polarization_array)))
    assert np.array_equal(found.data_array, given.data_array)
    assert np.array_equal(found.flag_array, given.flag_array)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modes do not hold back the superuser, whom tests may run as: HDF5 is let refuse."""
    write_uvh5(tmp_path / "a.ac.uvh5", np.ones((2, 3, 4, 1), "c8"), np.zeros((2, 3, 4, 1), bool))

    def refused(name: object) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))

    monkeypatch.setattr(h5py, "is_hdf5", refused)
    told = run_here("vis-decompress", "-j", "1", tmp_path / "a.ac.uvh5")
    assert told.returncode == ExitCode.SYSTEM
    assert b"a.ac.uvh5: permission denied" in told.stderr


@pytest.mark.parametrize(("by_baseline", "share"), [(False, 0.7), (True, 0.2)])
def test_rows_that_fill_no_grid(tmp_path: Path, by_baseline: bool, share: float) -> None:
    """Nblts is not Nbls times Ntimes."""
    write_uvh5(tmp_path / "whole.uvh5", MADE.vis, MADE.flags, by_baseline=by_baseline)
    rows = len(MADE.vis) * MADE.vis.shape[1]
    kept = np.flatnonzero(np.random.default_rng(1).random(rows) < share)
    with h5py.File(tmp_path / "whole.uvh5") as whole, h5py.File(tmp_path / "a.uvh5", "w") as file:
        for name in (f"{group}/{name}" for group in whole for name in whole[group]):
            values = whole[name][()]
            file[name] = values[kept] if np.shape(values)[:1] == (rows,) else values
        before = whole["Data/visdata"][()][kept]
    for options in ((), ("--noise-increase", "1%")):
        succeed_here("vis-compress", *options, "--overwrite", tmp_path / "a.uvh5")
        succeed_here("vis-decompress", "--overwrite", "-O", tmp_path / "b.uvh5", tmp_path / "a.ac.uvh5")
        with h5py.File(tmp_path / "b.uvh5") as file:
            error = np.abs(file["Data/visdata"][()] - before)
        assert (error.max() > 0) == bool(options)
        assert error.max() < 0.6  # noise of a part is near 0.2
