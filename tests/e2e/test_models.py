"""Models in folders: found by name and fingerprint, added, checked, used by every door."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from cli_process import COMMAND, environment, run_here, succeed_here

import astrocodec
import fits_tiles
import hdf5_filter
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import FormatError, ModelNotFoundError
from astrocodec.model import Model, installed_models

FRAME = np.random.default_rng(2).poisson(900, (128, 160)).astype(np.uint16)


@pytest.fixture
def own() -> Model:
    """Make a general model that no package has."""
    shipped = astrocodec.load_model()
    weights = shipped.arrays()
    weights.b3[1] += 40
    return Model(weights.to_bytes(), shipped.shapes, "own")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this test a user's folder and no other."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("ASTROCODEC_MODELS", raising=False)
    return tmp_path / "data" / "astrocodec" / "models"


@pytest.fixture
def added(own: Model, folder: Path, tmp_path: Path) -> Path:
    """Add it by the command."""
    own.save(tmp_path / "own.acm")
    succeed_here("models", "add", tmp_path / "own.acm")
    return folder / f"own-{own.fingerprint[:8]}.acm"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save a model with shapes of its own, and files of both kinds; it is installed nowhere."""
    monkeypatch.setattr(astrocodec.model, "_of_files", {})
    shipped = astrocodec.load_model()
    shapes = bytes([*shipped.shapes[:-600], shipped.shapes[-600] ^ 1, *shipped.shapes[-599:]])
    Model(shipped.weights, shapes, "stranger").save(tmp_path / "stranger.acm")
    fits.writeto(tmp_path / "a.fits", FRAME.astype(np.int16))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = FRAME
    return tmp_path / "stranger.acm"


@pytest.mark.usefixtures("added")
def test_found_by_name_and_by_fingerprint(own: Model) -> None:
    """Eight digits are enough where no other model begins with them."""
    for text in ("own", own.fingerprint, own.fingerprint[:8], own.fingerprint[:12]):
        assert astrocodec.load_model(text) == own
    assert astrocodec.list_models() == ["default", "own", "wide"]
    assert astrocodec.load_model().is_shipped
    for text in (own.fingerprint[:7], "0" * 16, "owner"):
        with pytest.raises(ModelNotFoundError, match="installed are default, own"):
            astrocodec.load_model(text)


def test_folders_of_the_environment_come_first(own: Model, folder: Path, tmp_path: Path, monkeypatch) -> None:
    """As in $PATH; the default stays the package's."""
    others = tmp_path / "others"
    for place in (others, folder):
        place.mkdir(parents=True)
        own.save(place / f"default-{own.fingerprint[:8]}.acm")
    monkeypatch.setenv("ASTROCODEC_MODELS", f"{others}{os.pathsep}{tmp_path / 'none'}")
    paths = [entry.path.parent for entry in installed_models()]
    assert paths[:2] == [others, folder]
    assert astrocodec.load_model("default").is_shipped
    assert astrocodec.load_model(own.fingerprint) == own


def test_streams_name_installed_models(own: Model, folder: Path, added: Path) -> None:
    """A reader that does not have the model is told where it was looked for."""
    stream = astrocodec.encode(FRAME, own, embed_model=False)
    assert (astrocodec.decode(stream) == FRAME).all()
    assert astrocodec.inspect(stream).model_fingerprint == own.fingerprint
    added.unlink()
    with pytest.raises(ModelNotFoundError, match=f"{own.fingerprint}.*{folder}"):
        astrocodec.decode(stream)
    assert (astrocodec.decode(stream, models=[own]) == FRAME).all()
    assert (astrocodec.decode(astrocodec.encode(FRAME, own)) == FRAME).all()


@pytest.mark.usefixtures("added")
def test_tuned_models_may_have_an_installed_base(own: Model, added: Path) -> None:
    """Their difference names it; inside a stream the whole model travels, since readers elsewhere may lack the base."""
    weights = own.arrays()
    weights.b3[0] += 5
    tuned = Model(weights.to_bytes(), own.shapes, "tuned", astrocodec.load_model("own"))
    assert Model.from_delta(tuned.delta()) == tuned
    stream = astrocodec.encode(FRAME, tuned)
    added.unlink()
    assert (astrocodec.decode(stream) == FRAME).all()
    with pytest.raises(ModelNotFoundError, match="its base"):
        Model.from_delta(tuned.delta())


@pytest.mark.usefixtures("added")
def test_every_door_uses_installed_models(own: Model, tmp_path: Path) -> None:
    """In another process too, which finds them itself."""
    plain, packed = tmp_path / "a.fits", tmp_path / "a.ac.fits"
    fits.writeto(plain, FRAME.astype(np.int16))
    succeed_here("fits-compress", "--no-tune", "--model", "own", plain)
    assert fits_tiles.verify(packed, plain).verified
    cube = tmp_path / "a.h5"
    hdf5_filter.register()
    with h5py.File(cube, "w") as file:
        file.create_dataset("x", data=FRAME, chunks=FRAME.shape, compression=hdf5_filter.AstroCodec("own"))
    program = f"""
import h5py, hdf5_filter, fits_tiles, astrocodec
from astropy.io import fits
print(fits.getdata({str(packed)!r}).sum(dtype='i8'))
with h5py.File({str(cube)!r}) as file:
    print(file['x'][...].sum(dtype='i8'))
    print(astrocodec.inspect(file['x'].id.read_direct_chunk((0, 0))[1]).model_fingerprint)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    total = str(FRAME.sum(dtype=np.int64))
    assert done.stdout.split()[:2] == [total, total]


def test_a_base_that_is_missing_is_named(stranger: Path, folder: Path, tmp_path: Path) -> None:
    """`info` lists the files all the same; reading says which model to get."""
    other = astrocodec.load_model(stranger)
    succeed_here("models", "add", stranger)
    succeed_here("fits-compress", "--model", "stranger", tmp_path / "a.fits")
    succeed_here("h5-compress", "--no-tune", "--model", "stranger", tmp_path / "a.h5")
    (folder / f"stranger-{other.fingerprint[:8]}.acm").unlink()
    packed = [tmp_path / "a.ac.fits", tmp_path / "a.ac.h5"]
    for path in packed:  # in processes that have not seen the model
        told = subprocess.run([*COMMAND, "info", path], env=environment(), capture_output=True, text=True, check=True)
        assert f"its base {other.fingerprint} is in none of" in told.stdout
        read = subprocess.run(
            [*COMMAND, "verify", path], env=environment(), capture_output=True, text=True, check=False
        )
        assert read.returncode == ExitCode.NEEDS_INSTALL
        assert re.search(rf"base {other.fingerprint} .*`astrocodec models add` it", read.stderr)
    program = f"""
import h5py, hdf5_filter
with h5py.File({str(tmp_path / "a.ac.h5")!r}, "r+") as file:
    file["x"][...] = 7
with h5py.File({str(tmp_path / "a.ac.h5")!r}) as file:
    assert (file["x"][...] == 7).all()
"""
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)  # with the default model


def test_only_its_own_fingerprint_is_cut_off_a_name(own: Model, folder: Path) -> None:
    folder.mkdir(parents=True)
    own.save(folder / "night-2024.acm")
    assert astrocodec.load_model("night-2024") == own
    assert astrocodec.list_models() == ["default", "night-2024", "wide"]


def test_models_that_came_after_the_import_are_read(own: Model, folder: Path, tmp_path: Path) -> None:
    """And one that breaks a limit hides no other."""
    own.save(tmp_path / "own.acm")
    weights = own.arrays()
    weights.linear[:] = 32767
    Model(weights.to_bytes(), own.shapes, "wild").save(tmp_path / "wild.acm")
    program = f"""
import h5py, numpy as np, astrocodec, hdf5_filter, shutil, os
os.makedirs({str(folder)!r})
for name in ("wild", "own"):
    shutil.copy(os.path.join({str(tmp_path)!r}, name + ".acm"), {str(folder)!r})
hdf5_filter.register()
frame = np.random.default_rng(1).poisson(99, (64, 64)).astype("u2")
with h5py.File({str(tmp_path / "c.h5")!r}, "w") as file:
    file.create_dataset("x", data=frame, chunks=(32, 32), compression=hdf5_filter.AstroCodec("own"))
with h5py.File({str(tmp_path / "c.h5")!r}) as file:
    assert (file["x"][...] == frame).all()
"""
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)
    alone = f"import h5py, hdf5_filter; h5py.File({str(tmp_path / 'c.h5')!r})['x'][...]"
    subprocess.run([sys.executable, "-c", alone], env=environment(), check=True)


def test_a_model_is_shown_by_its_fingerprint(own: Model) -> None:
    """And not by its bytes."""
    assert repr(own) == f"<Model 'own', {own.fingerprint}>"
    other = Model(astrocodec.load_model().weights, own.shapes, "tuned", own)
    assert repr(other) == f"<Model 'tuned', {other.fingerprint}, base {own.fingerprint}>"


def test_damaged_files_are_told_and_hide_no_other(own: Model, added: Path) -> None:
    """`check` has an exit code for scripts."""
    assert "works" in succeed_here("models", "check").decode()
    added.with_name("broken.acm").write_bytes(added.read_bytes()[:-9])
    assert astrocodec.load_model("own") == own
    for words in (["models", "check"], ["models", "list"], ["models"]):
        result = run_here(*words)
        assert result.returncode == ExitCode.BAD_DATA
        assert b"broken.acm" in result.stderr
        assert b"own" in result.stdout


def test_commands_list_and_show(own: Model, added: Path) -> None:
    """Rows for programs and for people."""
    rows = json.loads(succeed_here("models", "list", "--json"))
    shipped = [("default", "package"), ("wide", "package")]
    assert [(row["name"], row["origin"]) for row in rows] == [("own", str(added)), *shipped]
    (facts,) = json.loads(succeed_here("models", "show", "--json", own.fingerprint[:9]))
    assert (facts["fingerprint"], facts["kind"], facts["base"]) == (own.fingerprint, "general", None)
    assert (facts["name"], facts["origin"]) == ("own", str(added))
    assert own.fingerprint in succeed_here("models", "show", added).decode()
    result = run_here("models", "show", "no-such-model", "default")
    assert result.returncode == ExitCode.NEEDS_INSTALL
    assert b"no-such-model" in result.stderr
    assert b"default" in result.stdout


def test_adding_changes_nothing_that_is_there(own: Model, added: Path, tmp_path: Path) -> None:
    """Twice is once; what is no model is refused."""
    before = added.read_bytes()
    assert b"is there already" in succeed_here("models", "add", tmp_path / "own.acm")
    (tmp_path / "no.acm").write_bytes(b"no model")
    assert run_here("models", "add", tmp_path / "no.acm").returncode == ExitCode.BAD_DATA
    assert added.read_bytes() == before
    assert sorted(os.listdir(added.parent)) == [added.name]
    astrocodec.load_model().save(tmp_path / "again.acm")
    assert b"the package's own model" in succeed_here("models", "add", tmp_path / "again.acm")


def test_the_command_in_a_process_of_its_own(folder: Path) -> None:
    """The default of every installation."""
    done = subprocess.run([*COMMAND, "models"], env=environment(), capture_output=True, text=True, check=True)
    assert "default" in done.stdout
    assert not folder.exists()


def test_a_user_without_a_home_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a mere number."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert "default" in astrocodec.list_models()
    with pytest.raises(ModelNotFoundError):
        astrocodec.load_model("no-such-model")


def test_pipes_in_folders_are_no_models(folder: Path) -> None:
    """Nobody waits for what will never come."""
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.acm")
    assert astrocodec.list_models() == ["default", "wide"]


@pytest.mark.usefixtures("folder")
def test_a_model_that_files_cannot_name_is_the_users_choice(stranger: Path, tmp_path: Path) -> None:
    """No internal error, and the way out is told, which both doors have."""
    for command, suffix in (("fits-compress", "fits"), ("h5-compress", "h5")):
        plain = tmp_path / f"a.{suffix}"
        for tune in ((), ("--no-tune",)):
            done = run_here(command, "--model", stranger, *tune, plain)
            assert done.returncode == ExitCode.USAGE
            assert b"not tuned from an installed model" in done.stderr
            assert b"--self-contained" in done.stderr
            assert b"please report" not in done.stderr
        assert not (tmp_path / f"a.ac.{suffix}").exists()
    for command, suffix in (("fits-compress", "fits"), ("h5-compress", "h5")):
        for tune in ((), ("--no-tune",)):
            succeed_here(
                command, "--self-contained", "--overwrite", "--model", stranger, *tune, tmp_path / f"a.{suffix}"
            )
            packed = tmp_path / f"a.ac.{suffix}"
            told = subprocess.run(
                [*COMMAND, "verify", packed, "--against", tmp_path / f"a.{suffix}"],
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert told.returncode == 0, told.stderr


def test_a_model_that_breaks_a_limit_stops_nothing_else(folder: Path, tmp_path: Path) -> None:
    """It is refused where it is read, so that the list tells it, and no door meets it."""
    shipped = astrocodec.load_model()
    weights = shipped.arrays()
    loud = replace(weights, linear=np.full_like(weights.linear, 32767)).to_bytes()
    folder.mkdir(parents=True)
    for name, broken in (("loud", Model(loud, shipped.shapes)), ("bare", Model(shipped.weights, b"abc"))):
        broken.save(folder / f"{name}.acm")
        with pytest.raises(FormatError, match="block"):
            astrocodec.load_model(folder / f"{name}.acm")
    done = run_here("models")
    assert done.returncode == ExitCode.BAD_DATA
    assert b"default" in done.stdout
    assert b"loud.acm: weight block: magnitudes of the linear predictor sum" in done.stderr
    assert b"bare.acm: shape block begins with 616263" in done.stderr
    broken.save(tmp_path / "bare.acm")
    assert run_here("models", "add", tmp_path / "bare.acm").returncode == ExitCode.BAD_DATA
    hdf5_filter.register()


def test_a_name_may_have_dashes(own: Model, folder: Path) -> None:
    """What follows one is cut off if it is the fingerprint."""
    folder.mkdir(parents=True)
    own.save(folder / "night-2024.acm")
    assert astrocodec.load_model("night-2024") == own
    assert astrocodec.list_models() == ["default", "night-2024", "wide"]


@pytest.mark.usefixtures("folder")
def test_a_model_that_is_installed_meanwhile_is_told_to_the_filter(stranger: Path, tmp_path: Path) -> None:
    """Self-contained files, too, stay readable when Python finds the model elsewhere."""
    succeed_here("h5-compress", "--no-tune", "--self-contained", "--model", stranger, tmp_path / "a.h5")
    program = f"""
import os, h5py, hdf5_filter
os.environ["ASTROCODEC_MODELS"] = {str(tmp_path)!r}
with h5py.File({str(tmp_path / "a.ac.h5")!r}) as file:
    print(hdf5_filter.read_dataset(file["x"]).sum(dtype="i8"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [str(FRAME.sum(dtype=np.int64))], done.stderr
