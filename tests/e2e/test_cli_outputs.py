"""Outputs of commands that make something else than a copy: they replace no input, whatever the options."""

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from cli_process import run_here, sky, succeed_here, write_frame

import astrocodec
from astrocodec.cli.exit_codes import ExitCode


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a file with images."""
    return write_frame(tmp_path / "frame.fits")


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize(
    "arguments",
    [
        ("tune", "other.fits", "INPUT", "-O", "OUTPUT"),
        ("tune", "other.fits", "--base", "INPUT", "-O", "OUTPUT"),
        ("train", "other.fits", "INPUT", "-O", "OUTPUT"),
        ("analyze", "INPUT", "-o", "OUTPUT"),
        ("analyze", "INPUT", "other.fits", "-o", "OUTPUT"),
        ("compare", "INPUT", "other.fits", "-o", "OUTPUT"),
        ("compare", "other.fits", "INPUT", "-o", "OUTPUT"),
    ],
)
def test_no_input_is_replaced(
    frame: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], link: Callable[[str, str], None]
) -> None:
    """Under its own name, or through a link."""
    monkeypatch.chdir(frame.parent)
    write_frame(Path("other.fits"), seed=2)
    frame.rename("input.html")
    link("input.html", "link.html")
    before = Path("input.html").read_bytes()
    for output in ("input.html", "./input.html", "link.html"):
        words = {"INPUT": "input.html", "OUTPUT": output}
        for overwrite in ([], ["--overwrite"]):
            result = run_here(*(words.get(word, word) for word in arguments), *overwrite)
            assert result.returncode == ExitCode.EXISTS
            assert "is an input, which no output replaces" in result.stderr.decode()
            assert Path(output).read_bytes() == before


@pytest.mark.parametrize("command", ["tune", "train"])
def test_a_model_replaces_models_only(frame: Path, command: str) -> None:
    """As in `-O *.fits`, of which the first file is swallowed by the option."""
    other = write_frame(frame.with_name("a.fits"), seed=2)
    before = other.read_bytes()
    result = run_here(command, "--overwrite", "-O", other, frame)
    assert result.returncode == ExitCode.EXISTS
    assert f"{other}: is no model, and stays even with --overwrite" in result.stderr.decode()
    assert other.read_bytes() == before


def test_a_model_is_replaced_by_a_model(frame: Path) -> None:
    """With --overwrite."""
    model = frame.with_name("a.acm")
    model.write_bytes(b"ACM, a damaged one")
    assert run_here("tune", "--effort", "1", "-O", model, frame).returncode == ExitCode.EXISTS
    succeed_here("tune", "--effort", "1", "--overwrite", "-O", model, frame)
    assert astrocodec.load_model(model)


@pytest.mark.parametrize("command", ["fits-compress", "h5-compress"])
def test_the_model_is_no_output(frame: Path, command: str) -> None:
    """Of a file that is coded with it."""
    model, night = frame.with_name("a.acm"), frame.with_name("night.h5")
    with h5py.File(night, "w") as file:
        file["x"] = sky(60, 80)
    astrocodec.load_model("default").save(model)
    before = model.read_bytes()
    source = night if command == "h5-compress" else frame
    result = run_here(command, "--overwrite", "--model", model, source, "-O", model)
    assert result.returncode == ExitCode.EXISTS
    assert "the model that it is coded with" in result.stderr.decode()
    assert model.read_bytes() == before


def test_new_folders_are_on_the_disk_before_an_input_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power would take the output with them."""
    synced: list[Path] = []
    for module in ("cli.tasks", "files.target"):
        monkeypatch.setattr(f"astrocodec.{module}.sync_folder", synced.append)
    frame = write_frame(tmp_path / "a.fits")
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", frame, "--outdir", tmp_path / "x" / "y")
    assert {tmp_path, tmp_path / "x", tmp_path / "x" / "y"} <= set(synced)
