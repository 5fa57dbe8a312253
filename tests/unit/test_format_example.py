"""The worked example of docs/format.md: its numbers are those of the reference and of the native library."""

from pathlib import Path

import numpy as np

from astrocodec import _native
from astrocodec.stages import reference
from astrocodec.stages.distribution import cell_of, symbol_of
from astrocodec.stages.network import INPUTS, LINEAR, OUTPUTS
from astrocodec.stages.piece import Plane, choose_start
from astrocodec.stages.predict import predict
from astrocodec.stages.weights import Weights

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"
SAMPLES = np.array([[100, 103, 101, 99, 104], [98, 102, 180, 101, 100], [97, 101, 103, 99, 102]], np.uint16)


def _example_model() -> tuple[bytes, bytes]:
    h = 16
    linear, b1, b2, b3 = (np.zeros(n, np.int16) for n in (LINEAR, h, h, OUTPUTS))
    w1, w2, w3 = (np.zeros(shape, np.int8) for shape in ((h, INPUTS), (h, h), (OUTPUTS, h)))
    linear[[0, 6]] = 2048
    b1[0], w1[0, 0], w2[0, 0] = 2048, 64, 64
    b3[:2], w3[0, 0] = (-256, -300), 8
    knots = np.clip((np.arange(593) - 264) * 2**24, 0, 2**30).astype("<u4")
    return Weights(linear, b1, w1, b2, w2, b3, w3).to_bytes(), b"\1\1\0\0" + knots.tobytes()


def _lines_of_example() -> list[str]:
    model = reference.ReferenceModel(*_example_model())
    height, width = SAMPLES.shape
    above = choose_start(SAMPLES)
    plane = Plane(height, width, above)
    lines = ["samples:"]
    lines += ["".join(f"{v:5}" for v in row) for row in SAMPLES.tolist()]
    lines += [f"row {above.row}, amplitude {above.amplitude}, floor {above.floor}", ""]
    names = ("y", "x", "v", "m", "S", "in 0", "loc16", "q", "table", "base", "sym", "start", "freq", "raw", "bits")
    widths = (1, 1, 3, 3, 3, 4, 5, 2, 5, 4, 3, 5, 5, 3, 4)
    lines.append("  ".join(f"{name:>{w}}" for name, w in zip(names, widths, strict=True)))
    for step in plane.wave:
        seen = plane.contexts(step)
        found = predict(model.weights, 1, 1, seen)
        cells = cell_of(*found)
        values = SAMPLES[step.y, step.x].astype(np.int64)
        symbol, raw, bits = symbol_of(values - cells.base, cells)
        start = model.shapes.cumulative[cells.table, symbol].astype(np.int64)
        freq = model.shapes.cumulative[cells.table, symbol + 1] - start
        columns = (
            *(step.y, step.x, values, seen.mean, seen.sum, seen.inputs[:, 0], found.loc16, found.q),
            *(cells.table, cells.base, symbol, start, freq, raw, bits),
        )
        lines += [
            "  ".join(f"{v:{w}}" for v, w in zip(row, widths, strict=True)) for row in np.stack(columns, 1).tolist()
        ]
        plane.take_in(step, values, seen.sum)
    data = reference.encode_piece(model, SAMPLES)
    return [*lines, "", f"piece of {len(data)} bytes:", data.hex(" ")]


def test_example_in_the_document_is_current() -> None:
    text = FORMAT.read_text(encoding="utf-8")
    shown = text.split("<!-- example -->\n```\n")[1].split("\n```\n<!-- /example -->")[0]
    assert shown.splitlines() == _lines_of_example()


def test_native_library_writes_the_example() -> None:
    data = _native.encode_piece(_native.NativeModel(*_example_model()), SAMPLES)
    assert data.hex(" ") == _lines_of_example()[-1]
