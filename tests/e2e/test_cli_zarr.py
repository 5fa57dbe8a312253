"""`info` and `verify` on folders of Zarr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_process import run_here, succeed_here

zarr = pytest.importorskip("zarr", reason="zarr is not installed")

from astrocodec.zarr import v2, v3  # noqa: E402


def write(folder: Path, version: Any, data: np.ndarray[Any, Any], **words: Any) -> None:
    """A group with one array; in shards of format 3."""
    codec = {"compressors": v2.AstroCodec(dtype="<f4", **words)}
    if version == 3:
        codec = {"serializer": v3.AstroCodec(**words), "compressors": None, "shards": (128, 128)}
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.create_array("sci", shape=data.shape, chunks=(64, 64), dtype="f4", **codec)[:] = data


@pytest.mark.parametrize("version", [2, 3])
def test_folders_tell_what_they_hold_and_lost(version: int, tmp_path: Path) -> None:
    data = np.random.default_rng(1).normal(1000, 20, (100, 150)).astype("f4")
    exact, lossy, other = (tmp_path / name for name in ("exact", "lossy", "other"))
    write(exact, version, data)
    write(lossy, version, data, max_error=3)
    write(other, version, data + 9 * (data > 1060))
    assert "/sci" in succeed_here("info", exact).decode()
    report = json.loads(succeed_here("verify", "--json", lossy))["files"][0]["report"]
    assert report["checked"] == "decoded"
    assert report["arrays"][0]["note"].startswith("lossy: max_error 3, within 3 (largest error 2.99")
    assert "verified, lossy" in succeed_here("verify", lossy, "--against", exact).decode()
    found = run_here("verify", lossy, "--against", other)
    assert (found.returncode, b"by more than it says" in found.stderr) == (7, True)
    chunk = max(lossy.glob("sci/**/*"), key=lambda path: path.stat().st_size * path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:400] + b"damaged" + chunk.read_bytes()[407:])
    found = run_here("verify", lossy)
    assert (found.returncode, b"array '/sci', from (0, " in found.stderr) == (3, True), found.stderr
