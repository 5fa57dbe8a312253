"""Flags of real visibilities, in bytes: ours, bitshuffle with zstd, and zlib of packed bits.

``python benchmarks/bench_flags.py FOLDER`` reads the archives ``*.npz`` of a folder, and writes ``results/flags.csv``.
"""

from __future__ import annotations

import csv
import sys
import time
import zlib
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

import astrocodec
from astrocodec.visibility import encode_flags

RESULTS = Path(__file__).parent / "results" / "flags.csv"


def bitshuffled(flags: np.ndarray) -> int:
    """Bytes of one chunk of bitshuffle with zstd."""
    with h5py.File.in_memory() as file:
        filters = hdf5plugin.Bitshuffle(cname="zstd")
        return int(file.create_dataset("x", data=flags, chunks=flags.shape, **filters).id.get_storage_size())


def main() -> None:
    """Measure each archive whose flags are not all alike."""
    with RESULTS.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["set", "flags", "flagged %", "ours", "bitshuffle zstd", "packed zlib 9", "encode M/s", "decode M/s"]
        )
        for path in sorted(Path(sys.argv[1]).glob("*.npz")):
            flags = np.load(path)["flags"]
            if flags.all() or not flags.any():
                continue
            start = time.process_time()
            stream = encode_flags(flags)
            middle = time.process_time()
            assert np.array_equal(astrocodec.decode(stream), flags)
            end = time.process_time()
            speeds = [f"{flags.size / 1e6 / max(spent, 1e-6):.0f}" for spent in (middle - start, end - middle)]
            packed = len(zlib.compress(np.packbits(flags.reshape(-1, flags[0, 0].size), axis=1).tobytes(), 9))
            row = [path.stem, flags.size, f"{100 * flags.mean():.2f}", len(stream), bitshuffled(flags), packed, *speeds]
            table.writerow(row)


if __name__ == "__main__":
    main()
