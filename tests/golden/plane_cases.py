"""Golden streams of learned codecs on planes of visibilities: their weights lie beside, made once, of tiny networks.

``python tests/golden/plane_cases.py`` makes weights that are not here; then `make_golden.py` makes the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
NAMES = ("elic_visibility", "qhvae_visibility")


def weights_path(name: str) -> Path:
    """Weights of a codec."""
    return HERE / f"v1_planes_{name}.safetensors"


def block() -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
    """Whole numbers on a slope, with flags, zeros, what is not finite and what is far off."""
    t, b, f, p = np.indices((9, 7, 2, 2))
    noise = np.random.default_rng(3).integers(-9, 10, (2, *t.shape))
    vis = (20 * b - 60 + t + noise[0] + 1j * (5 * f - 3 * p + noise[1])).astype(np.complex64)
    vis[2, 3, 1], vis[4, 0, 0, 1], vis[5, 5, 0, 0] = 0, complex(np.nan, 1), 1e30
    return vis, (t + b) % 11 == 3


def encoded(name: str) -> bytes:
    """The stream of a codec; steps are given, since noise that is estimated is no part of the format."""
    import astrocodec

    weights: Any = weights_path(name)
    vis, flags = block()
    return astrocodec.encode(vis, codec=name, quality=3, flags=flags, sigma=4.0, weights=weights)


def main() -> None:
    """Make weights."""
    import shutil
    import tempfile

    import torch

    from astrocodec.lossy import elic_network, elic_tiles, qhvae_network, qhvae_tiles

    torch.manual_seed(0)
    elic = elic_network.ElicNetwork(elic_network.Size(8, (2, 4, 6), 6, heads=(2,)))
    qhvae = qhvae_network.QhvaeNetwork(qhvae_network.Size(8, 8, ((4,), (4, 4), (12,)), heads=(2,)))
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            if not weights_path(name).exists():
                made = elic_tiles.save(elic, Path(folder), name) if "elic" in name else None
                shutil.copy(made or qhvae_tiles.save(qhvae, Path(folder), name), weights_path(name))


if __name__ == "__main__":
    main()
