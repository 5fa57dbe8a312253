"""Writes the golden pieces and streams: ``python tests/golden/make_golden.py [--replace]``.

A golden file pins the format: its bytes must decode to its samples, and its samples must encode to its bytes, for ever.
Existing files are never overwritten unless ``--replace`` is given, which is right only before a version is released.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import lossless_cases  # noqa: E402
import plane_cases  # noqa: E402
from lossy_cases import CASES as LOSSY  # noqa: E402
from made_models import GENTLE, UNEVEN, UNEVEN_WIDE, WIDE, WILD, MadeModel, made_samples  # noqa: E402
from stream_cases import CASES as STREAMS  # noqa: E402
from visibility_cases import Case as VisibilityCase  # noqa: E402
from visibility_cases import cases as visibility_cases  # noqa: E402

import astrocodec  # noqa: E402
from astrocodec._native.visibility_blocks import encode_block  # noqa: E402
from astrocodec.stages import reference  # noqa: E402
from astrocodec.stages.stream import Header, seal  # noqa: E402
from astrocodec.stages.visibility import CODEC  # noqa: E402
from astrocodec.stages.widths import Choice  # noqa: E402

VISIBILITIES = visibility_cases()
SUFFIXES = (".acp", ".acs", ".npy", ".weights", ".shapes", ".widths")
MODELS = {"gentle": GENTLE, "wide": WIDE, "wild": WILD, "uneven": UNEVEN, "uneven_wide": UNEVEN_WIDE}

# name: model, kind of samples, height, width, code widths; with an odd of a trellis, half of the samples
CASES = {
    # Modelled.
    "sky": ("gentle", "sky", 37, 53),
    "sky_wide": ("wide", "sky", 70, 250),
    "sky_row": ("gentle", "sky", 1, 300),
    "loud_all_states": ("wide", "loud", 201, 203),
    "photons": ("gentle", "photons", 64, 64),
    "photons_wide": ("wide", "photons", 40, 33),
    "stripes": ("wide", "stripes", 50, 30),
    "ramp_column": ("gentle", "ramp", 70, 1),
    "outliers": ("wide", "outliers", 45, 70),
    "pedestal": ("wide", "pedestal", 70, 90),
    "pedestal_tall": ("gentle", "pedestal", 300, 5),
    # Modelled, with code widths.
    "photons_parity": ("uneven", "photons", 64, 64, Choice(9, 0)),
    "pedestal_uneven": ("uneven_wide", "pedestal", 70, 90, Choice(0, 1)),
    "sky_uneven": ("uneven", "sky", 37, 53, Choice(17, 2)),
    "loud_uneven": ("uneven_wide", "loud", 60, 71, Choice(255, 3)),
    "outliers_uneven": ("uneven_wide", "outliers", 45, 70, Choice(128, 3)),
    # Modelled, with a trellis.
    "sky_trellis": ("gentle", "sky", 37, 53, None, 0),
    "loud_trellis": ("wide", "loud", 34, 250, None, 1),
    "outliers_trellis": ("wide", "outliers", 45, 70, None, 0),
    "pedestal_trellis": ("gentle", "pedestal", 90, 5, None, 1),
    # Differences.
    "blocks": ("gentle", "blocks", 70, 90),
    "sparse_wild": ("wild", "sparse", 61, 33),
    "sparse_tall": ("gentle", "sparse", 301, 5),
    "columns": ("wide", "columns", 50, 30),
    "extremes_wild": ("wild", "extremes", 40, 33),
    # Counts.
    "counts": ("gentle", "counts", 64, 64),
    "events": ("wide", "events", 70, 61),
    "raw": ("gentle", "noise", 5, 9),
    "constant": ("wide", "constant", 6, 4),
}


def golden_samples(name: str) -> np.ndarray:
    """The samples of a case."""
    _, kind, height, width, *how = CASES[name]
    if kind == "constant":
        return np.full((height, width), 0xAC0D, np.uint16)
    return made_samples(kind, height, width, seed=1) >> (1 if len(how) > 1 else 0)


def golden_files() -> dict[str, bytes]:
    """Every golden file but the arrays, by its name."""
    files = {}
    for name, made in MODELS.items():
        files[f"v1_model_{name}.weights"] = made.weights
        files[f"v1_model_{name}.shapes"] = made.shapes
        files[f"v1_model_{name}.widths"] = made.widths
    for name, (model, _, _, _, *how) in CASES.items():
        files[f"v1_piece_{name}.acp"] = _piece(MODELS[model], golden_samples(name), *how)
    for name, case in STREAMS.items():
        files[f"v1_stream_{name}.acs"] = case.encode(case.array())
    for name, (make, bound) in LOSSY.items():  # what is chosen within a bound only the library does
        files[f"v1_lossy_{name}.acs"] = astrocodec.encode(make(), bound=bound)
    for name in lossless_cases.names():
        files[f"v1_lossless_{name}.acs"] = lossless_cases.encoded(name)
    for name in plane_cases.NAMES:
        files[f"v1_planes_{name}.acs"] = plane_cases.encoded(name)
    for name, case in VISIBILITIES.items():
        files[f"v1_visibility_{name}.acs"] = _visibilities(case)
    return files


def _piece(made: MadeModel, samples: np.ndarray, choice: Choice | None = None, odd: int | None = None) -> bytes:
    model = reference.ReferenceModel(made.weights, made.shapes, made.widths)
    return reference.encode_piece(model, samples, choice=choice, odd=odd)


def _visibilities(case: VisibilityCase) -> bytes:
    made = encode_block(*case)
    assert made is not None
    header = Header(CODEC, made[1].dtype, made[1].shape, case.parameters).to_bytes()
    return seal(header, made[0], made[1])


def _decoded_planes(stream: bytes) -> np.ndarray:
    os.environ["ASTROCODEC_MODELS"] = str(HERE)  # where the weights are
    return astrocodec.decode(stream)


def main() -> int:
    """Write all files, or none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replace", action="store_true", help="overwrite; only before the version is released")
    replace = parser.parse_args().replace
    files = golden_files()
    existing = sorted(path.name for path in HERE.iterdir() if path.suffix in SUFFIXES)
    if existing and not replace:
        sys.stderr.write(f"{len(existing)} golden files exist, {existing[0]} for one; they are never overwritten\n")
        return 1
    for name in existing:
        (HERE / name).unlink()
    for name, data in files.items():
        (HERE / name).write_bytes(data)
    for name in CASES:
        np.save(HERE / f"v1_piece_{name}.npy", golden_samples(name).astype("<u2"))
    for name, case in STREAMS.items():
        np.save(HERE / f"v1_stream_{name}.npy", case.array())
    for name in LOSSY:
        np.save(HERE / f"v1_lossy_{name}.npy", astrocodec.decode(files[f"v1_lossy_{name}.acs"]))
    for name in VISIBILITIES:
        np.save(HERE / f"v1_visibility_{name}.npy", astrocodec.decode(files[f"v1_visibility_{name}.acs"]))
    for name in lossless_cases.names():
        np.save(HERE / f"v1_lossless_{name}.npy", lossless_cases.array())
    for name in plane_cases.NAMES:
        np.save(HERE / f"v1_planes_{name}.npy", _decoded_planes(files[f"v1_planes_{name}.acs"]))
    arrays = (
        len(plane_cases.NAMES)
        + len(lossless_cases.names())
        + len(CASES)
        + len(STREAMS)
        + len(LOSSY)
        + len(VISIBILITIES)
    )
    print(f"{len(files)} files and {arrays} arrays written to {HERE.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
