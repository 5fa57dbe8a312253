"""Change single bytes of HDF5 files of ours: each ends in an error, or in the same contents.

Usage: hdf5_flips.py COUNT SEED
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from hdf5_contents import contents
from hdf5_oddities import write_oddities

import hdf5_filter
from astrocodec.errors import AstrocodecError


def main(count: int, seed: int) -> int:
    """Return how many changes had another end."""
    rng = random.Random(seed)
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        source, packed, hurt = (Path(folder) / name for name in ("a.h5", "b.h5", "c.h5"))
        for libver in ("earliest", "latest"):
            write_oddities(source, libver=libver)
            hdf5_filter.compress(source, packed, tune=False, overwrite=True)
            whole, expected = packed.read_bytes(), contents(packed)
            for _ in range(count // 2):
                at, bit = rng.randrange(len(whole)), rng.randrange(8)
                raw = bytearray(whole)
                raw[at] ^= 1 << bit
                hurt.write_bytes(raw)
                end = _limited(_checked_end, hurt, source, expected)
                if end not in ("compared", "error"):
                    print(f"{libver}, byte {at}, bit {bit}: {end}")
                ends[end] += 1
    print(dict(ends))
    return ends.total() - ends["compared"] - ends["error"]


def _limited(end: Callable[..., str], *arguments: Any) -> str:
    """Find out in a process of its own, within a minute and 4 GB: HDF5 itself may hang or crash."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        signal.alarm(60)
        try:
            os.write(write, end(*arguments).encode()[:4000])
        finally:
            os._exit(1)
    os.close(write)
    with open(read, "rb") as pipe:
        found = pipe.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return found or f"ended with {status}"


def _checked_end(hurt: Path, source: Path, expected: Any) -> str:
    end = _end(hurt, source)
    return "wrong" if end == "compared" and contents(hurt) != expected else end


def _end(hurt: Path, source: Path) -> str:
    """Say how the checks of a changed file end."""
    try:
        if hdf5_filter.verify(hurt).checked == "verified":
            return "called verified without its original"
    except AstrocodecError:
        pass
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    try:
        return "compared" if hdf5_filter.verify(hurt, source).sound else "not compared"
    except AstrocodecError:
        return "error"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])) > 0)
