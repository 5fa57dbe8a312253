"""Train a tiny model, save it, and use it in a fresh process without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from astrocodec.cli import cli

pytest.importorskip("torch", reason="training needs torch: pip install astrocodec[torch]")

USE = """
import sys
import numpy as np, astrocodec
model = astrocodec.load_model(sys.argv[1])
frame = np.random.default_rng(0).normal(900, 5, (64, 64)).astype(np.uint16)
stream = astrocodec.encode(frame, model)
assert (astrocodec.decode(stream) == frame).all()
assert "torch" not in sys.modules
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_train_save_encode(tmp_path: Path) -> None:
    frame = np.random.default_rng(1).normal(1000, 8, (200, 220)).astype(np.int16)
    fits.writeto(tmp_path / "frame.fits", frame)
    model = tmp_path / "tiny.acm"
    run = CliRunner().invoke(cli, ["train", str(tmp_path / "frame.fits"), "-O", str(model), "--steps", "3"])
    assert run.exit_code == 0, run.output
    again = tmp_path / "again.acm"
    assert (
        CliRunner().invoke(cli, ["train", str(tmp_path / "frame.fits"), "-O", str(again), "--steps", "3"]).exit_code
        == 0
    )
    assert model.read_bytes() == again.read_bytes()
    subprocess.run([sys.executable, "-c", USE, str(model)], check=True, timeout=120)


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "float.fits", np.zeros((80, 80), np.float32))
    run = CliRunner().invoke(
        cli, ["train", str(tmp_path / "float.fits"), "-O", str(tmp_path / "m.acm"), "--steps", "1"]
    )
    assert run.exit_code != 0
    assert "integer image" in run.output
    assert not (tmp_path / "m.acm").exists()
