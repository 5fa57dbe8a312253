"""PixelCNN++ decoding with its maps kept, beside decoding that makes all maps anew for every pixel.

The second is done for the first pixels only: each costs the same. Both decode the same patches of the same stream, in
lockstep, and what they give is compared. Seconds are of the processor, for a pixel of all patches.

    python benchmarks/bench_pixelcnn_cache.py -O benchmarks/results/pixelcnn_cache.csv
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from astrocodec.bench.tables import write_csv, write_provenance
from astrocodec.codecs import find_codec
from astrocodec.lossless.lane_rans import LaneDecoder
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixelcnn import LOCKSTEP, PixelCnnSystem
from astrocodec.lossless.pixelcnn_maps import ExactMaps
from astrocodec.lossless.pixelcnn_parameters import words_of


@torch.inference_mode()
def decode_anew(system: PixelCnnSystem, data: bytes, patches: int, pixels: int) -> np.ndarray:
    """The first pixels (pixels, patches, channels), of maps that are made from the first to the last for each."""
    form = system.format
    coder = LaneDecoder(data, patches * form.channels * SIDE**2)
    x = np.zeros((SIDE, SIDE, patches, form.channels), np.int64)
    maps = ExactMaps(system._plan, system._layers, patches, system._device)
    for number in range(pixels):
        y, column = divmod(number, SIDE)
        maps["words"].copy_(torch.from_numpy(words_of(x, form)))
        maps.fill()
        out, means = system._parameters(maps, (y, column))
        here = x[y, column]
        for order, channel in enumerate(system._order):
            here[:, channel] = coder.take(system._logistics(order, means, out, here)) - form.alphabet // 2
    return x.reshape(SIDE**2, patches, form.channels)[:pixels] + form.alphabet // 2


def main() -> None:
    """Measure, print, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=12, help="that are decoded by maps made anew")
    parser.add_argument("-O", "--output", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    system = find_codec("pixelcnn").system()
    words = np.random.default_rng(0).normal(32896, 8, (LOCKSTEP, system.format.frames, SIDE, SIDE)).astype(np.uint16)
    x = system.format.to_symbols(words)
    data = system.encode_patches(x)
    start = time.process_time()
    kept = system.decode_patches(data, len(x))
    middle = time.process_time()
    anew = decode_anew(system, data, len(x), given.pixels)
    end = time.process_time()
    assert np.array_equal(kept, x)
    first = x.transpose(2, 3, 0, 1).reshape(SIDE**2, len(x), -1)[: given.pixels]
    assert np.array_equal(anew, first)
    seconds = (middle - start) / SIDE**2, (end - middle) / given.pixels
    row = {
        "patches": len(x),
        "kept maps, ms of a pixel of all": round(1e3 * seconds[0], 3),
        "maps made anew, ms": round(1e3 * seconds[1], 1),
        "times faster": round(seconds[1] / seconds[0], 1),
    }
    print(row)
    write_csv(given.output, [row])
    write_provenance(given.output)


if __name__ == "__main__":
    main()
