"""A learned lossless codec on what its training held back, beside JPEG-2000 and the causal codec.

Whole streams are charged, each is decoded and compared. Of each array the first plane is taken, and of it at most
512 x 512 pixels of whole patches (`--side` says otherwise), since what is held back of the only file of a group is a
strip. The last columns are the stream against the model's own bits (what it has beside them are medians of patches
above all), and seconds of a processor for a million pixels.

    python benchmarks/bench_learned_lossless.py idf FILES --seed 1 -O benchmarks/results/idf.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import astrocodec
from astrocodec.bench.lossless.measure import model_bits
from astrocodec.bench.peers import choose_peers, measure
from astrocodec.codec import same_bits
from astrocodec.codecs import find_codec
from astrocodec.learning.integer_arrays import Share, integer_arrays, learned_and_held_back
from astrocodec.lossless.patch_codec import PatchCodec
from astrocodec.lossless.patches import SIDE as PATCH
from astrocodec.lossless.patches import lowest

PLANES = 1
COLUMNS = ["group", "pixels", "bits", "jpeg2000", "causal", "against the model", "encode s/Mpx", "decode s/Mpx"]


def held_back_arrays(share: Share, most: int) -> Iterator[NDArray[Any]]:
    """Arrays of a file that were held back, as far as they are measured."""
    for array in integer_arrays(share.path):
        height = array.shape[-2]
        rows = slice(round(share.rows[0] * height), round(share.rows[1] * height))
        part = array[..., rows, :]
        sides = [min(side // PATCH * PATCH, most) for side in part.shape[-2:]]
        part = np.ascontiguousarray(part.reshape(-1, *part.shape[-2:])[:PLANES, : sides[0], : sides[1]])
        if part.size and lowest(part) is not None:
            yield part


def row_of(group: str, arrays: list[NDArray[Any]], codec: PatchCodec, weights: Any) -> list[Any]:
    """Figures of a group."""
    peer = choose_peers(["JPEG-2000"])[0]
    total: dict[str, float] = defaultdict(float)
    system = codec.system(weights)
    for array in arrays:
        start = time.process_time()
        stream = astrocodec.encode(array, codec=codec.name, weights=weights)
        middle = time.process_time()
        if not same_bits(astrocodec.decode(stream), array):
            raise SystemExit(f"{group}: does not come back")
        total["decode"] += time.process_time() - middle
        total["encode"] += middle - start
        total["pixels"] += array.size
        total["bits"] += 8 * len(stream)
        total["causal"] += 8 * len(astrocodec.encode(array))
        total["jpeg2000"] += 8 * (measure(peer, array).n_bytes or array.nbytes)
        if astrocodec.inspect(stream).parameters["coded by"] == codec.name:
            total["model"] += model_bits(system, array)
            total["modelled"] += 8 * len(stream)
    pixels = total["pixels"]
    against = total["modelled"] / total["model"] - 1 if total["model"] else 0.0
    per_pixel = [round(total[name] / pixels, 4) for name in ("bits", "jpeg2000", "causal")]
    seconds = [round(total[name] / pixels * 1e6, 2) for name in ("encode", "decode")]
    return [group, int(pixels), *per_pixel, round(against, 5), *seconds]


def main() -> None:
    """Measure, print, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codec")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="that of the training, which says what was held back")
    parser.add_argument("--side", type=int, default=512, help="of what is measured of an array")
    parser.add_argument("--group", action="append", help="only this one; repeat")
    parser.add_argument("-O", "--output", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    codec = find_codec(given.codec)
    assert isinstance(codec, PatchCodec)
    _, held = learned_and_held_back(given.files, given.seed)
    with given.output.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        rows = []
        for group in sorted(given.group or held):
            arrays = [array for share in held[group] for array in held_back_arrays(share, given.side)]
            if arrays:
                rows.append(row_of(group, arrays, codec, given.weights))
                table.writerow(rows[-1])
                file.flush()
                print(*rows[-1])
        means = np.mean([row[2:] for row in rows], 0)
        table.writerow(["mean of groups", sum(row[1] for row in rows), *(round(float(x), 4) for x in means)])
    print(*means)
    sys.exit(0)


if __name__ == "__main__":
    main()
