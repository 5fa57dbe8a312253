"""Other programs on our HDF5 files: in processes of their own, that find the plugin through HDF5_PLUGIN_PATH alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import astrocodec
from astrocodec._native.chunk import library_path

PLUGIN_PATH = library_path().parent


def plain_environment(plugin_path: str | Path | None = PLUGIN_PATH) -> dict[str, str]:
    """An environment in which Python does not find this package."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HDF5_PLUGIN_PATH")}
    return kept if plugin_path is None else {**kept, "HDF5_PLUGIN_PATH": str(plugin_path)}


def program(*command: object, plugin_path: str | Path | None = PLUGIN_PATH) -> subprocess.CompletedProcess[str]:
    """Run a program; the test is skipped where it is not installed."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed (Debian: hdf5-tools)")
    return subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        env=plain_environment(plugin_path),
    )


def python(
    code: str, folder: Path, *needs: str, plugin_path: str | Path | None = PLUGIN_PATH
) -> subprocess.CompletedProcess[str]:
    """Run Python without our packages, which it must not import by accident."""
    for module in needs:
        pytest.importorskip(module, reason=f"{module} is not installed")
    guard = "\nimport sys\nassert not {'astrocodec', 'hdf5_filter'} & sys.modules.keys(), 'imported our package'\n"
    return subprocess.run(
        [sys.executable, "-c", code + guard],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=folder,
        env=plain_environment(plugin_path),
    )


def tuned_model(seed: int) -> astrocodec.Model:
    """A model that differs a little from the general one, made without tuning."""
    base = astrocodec.load_model("default")
    weights = np.frombuffer(base.weights, np.uint8).copy()
    linear = weights[8:60].view("<i2")
    linear += np.random.default_rng(seed).integers(-3, 4, linear.size).astype("i2")
    return astrocodec.Model(weights.tobytes(), base.shapes, "made", base)


def made(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """An array of any type with noise on a slope."""
    rng = np.random.default_rng(seed)
    values = rng.normal(60, 5, shape) + np.arange(shape[-1]) * 0.1
    kind = np.dtype(dtype)
    if kind.kind == "c":
        return (values + 1j * rng.normal(0, 3, shape)).astype(kind)
    if kind.kind == "b":
        return values > 62
    return values.astype(kind)
