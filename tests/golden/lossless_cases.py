"""Golden streams of learned lossless codecs: their weights lie beside, made once, of tiny networks.

``python tests/golden/lossless_cases.py NAME [words [SIZE]]`` makes weights of a codec that has none here; then
`make_golden.py` makes the rest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent


def names() -> list[str]:
    """Cases: those whose weights are here."""
    return sorted(path.stem.removeprefix("v1_lossless_") for path in HERE.glob("v1_lossless_*.safetensors"))


def weights_path(name: str) -> Path:
    """Weights of a case."""
    return HERE / f"v1_lossless_{name}.safetensors"


def array() -> NDArray[np.uint16]:
    """A slope, a source and noise, of two patches of which one is not whole."""
    y, x = np.mgrid[:31, :64]
    scene = 900 + x // 4 + 60 * ((y - 20) ** 2 + (x - 30) ** 2 < 30)
    return (scene + np.random.default_rng(20).integers(-9, 10, scene.shape)).astype(np.uint16)


def encoded(name: str) -> bytes:
    """The stream of a case."""
    import astrocodec
    from astrocodec.lossy.weights import load_weights

    weights: Any = weights_path(name)
    return astrocodec.encode(array(), codec=load_weights(weights).about["system"], weights=weights)


def main(name: str, symbols: str = "bytes", size: str = "tiny") -> None:
    """Make weights."""
    import shutil
    import tempfile

    import torch

    from astrocodec.learning.train_lossless import lossless_recipe
    from astrocodec.lossless.pixel_format import PixelFormat

    torch.manual_seed(0)
    recipe = lossless_recipe(name, PixelFormat(symbols), {"size": size})
    if weights_path(f"{name}_{symbols}").exists():
        raise SystemExit("these weights exist, and stay")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(recipe.save(recipe.network.eval(), Path(folder)), weights_path(f"{name}_{symbols}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
