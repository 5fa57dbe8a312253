"""Counts that adapted scales begin with: ``python -m astrocodec.learning.count_sizes WEIGHTS --out FOLDER``.

Training pictures are coded with the weights, twice, since counts change what the encoder thins out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.learning.visibility_pictures import VisibilityPictures
from astrocodec.lossy.adapted_scales import SEEN, SizeCounts, counts_of
from astrocodec.lossy.elic_tiles import ElicTiles
from astrocodec.lossy.factorized_latents import scales_of
from astrocodec.lossy.hyperprior_tiles import HyperpriorTiles
from astrocodec.lossy.qhvae_tiles import QhvaeTiles
from astrocodec.lossy.rooted_planes import RootedPlanes, offsets_of
from astrocodec.lossy.training_pictures import Pictures
from astrocodec.lossy.transforms import LEVELS
from astrocodec.lossy.weights import Weights, load_weights, save_weights

TILES = {"hyperprior": HyperpriorTiles, "elic": ElicTiles, "qhvae": QhvaeTiles}
TILES |= {"elic_visibility": ElicTiles, "qhvae_visibility": QhvaeTiles}


def counted(weights: Weights, pictures: Sequence[NDArray[np.float32]], seed: int) -> dict[str, NDArray[Any]]:
    """Tensors of counts of pictures (channels, y, x) of 0 to 1, each at two levels."""
    system = weights.name.split("-")[0]
    if system not in TILES:
        raise ValueError(f"weights {weights.name}: of {system}, which has no counts; allowed are {', '.join(TILES)}")
    tiles: Any = TILES[system](weights)
    sizes: SizeCounts = tiles.sizes
    factorized = getattr(tiles, "factorized", None)
    if factorized is not None:
        factorized.seen = []
    rooted: list[RootedPlanes] = list(getattr(tiles, "rooted", {}).values())
    for planes in rooted:
        planes.seen = []
    sums: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    rng = np.random.default_rng([seed, 78])
    for number, picture in enumerate(pictures):
        for level in ((number + rng.integers(2)) % LEVELS, (number + 4) % LEVELS):
            for kind in tiles.kinds:
                sizes.made = []
                tiles.encode(picture.astype(np.float64), int(level), kind, 0)
                for name, adapted in sizes.made:
                    near, band = sizes.of(name)
                    new = (adapted.near - near) // SEEN, (adapted.band - band) // SEEN
                    before = sums.get(name, (np.zeros_like(near), np.zeros_like(band)))
                    sums[name] = (before[0] + new[0], before[1] + new[1])
    found: dict[str, NDArray[Any]] = {}
    for name, (near, band) in sums.items():
        found |= counts_of(near, band, name)
    for planes in rooted:
        found |= offsets_of(planes)
    return found | (scales_of(factorized.seen) if factorized is not None else {})


def _pictures(system: str, corpus: Path | None, count: int, most: int, seed: int) -> list[NDArray[np.float32]]:
    """What weights of a system learned from."""
    if system.endswith("_visibility"):
        crops = VisibilityPictures(seed, count, corpus)
        return [crop for step in range(most) for crop in crops.at(step)[0].numpy()]
    pools = Pictures(seed, count, corpus).pools
    return [picture for pool in (*pools[1], *pools[2]) for picture in pool[:most]]


def with_counts(weights: Weights, folder: Path, corpus: Path | None, count: int, most: int, seed: int) -> Path:
    """Write weights that have counts into a folder."""
    pictures = _pictures(weights.name.split("-")[0], corpus, count, most, seed)
    for _ in range(2):
        counts = ("sizes.", "roots.", "y")
        kept = {name: tensor for name, tensor in weights.tensors.items() if not name.startswith(counts)}
        tensors = kept | counted(weights, pictures, seed)
        weights = Weights(weights.name, weights.fingerprint, tensors, weights.about)
    return save_weights(weights.tensors, weights.about, weights.name.split("-")[0], folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Count for the weights that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m astrocodec.learning.count_sizes", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--corpus", type=Path, help="folder of public frames, or of archives of visibilities")
    parser.add_argument("--count", type=int, default=9, help="simulated pictures of each kind, or sets")
    parser.add_argument("--most", type=int, default=24, help="pictures taken of each pool, or steps' crops")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(with_counts(load_weights(given.weights), given.out, given.corpus, given.count, given.most, given.seed))


if __name__ == "__main__":
    main()
