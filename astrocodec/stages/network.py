"""The network's shape, written once: setup.py makes native/network.h of it, NumPy, tuning and torch import it.

docs/format.md sections "Context", "Predict" and "Weight block". It imports nothing, so that the build can run it.
"""

VERSION, CONTEXT_LAYOUT = 1, 1

# (dy, dx) of the neighbours, nearest first by row; four running means follow them among the linear terms.
NEIGHBOURS = (
    *((0, dx) for dx in (-1, -2, -3)),
    *((-1, dx) for dx in (-3, -2, -1, 0, 1, 2, 3)),
    *((-2, dx) for dx in (-3, -2, -1, 0, 1, 2, 3)),
    *((-3, dx) for dx in (-2, -1, 0, 1, 2)),
)
WIDE = 4
LINEAR = len(NEIGHBOURS) + WIDE
# Weights of the linear terms are integers in one part in so many.
LINEAR_UNITS = (8192,) * len(NEIGHBOURS) + (1024,) * WIDE

# The linear terms, two logarithms of steps, scale, level, parity of x and of y.
INPUTS = LINEAR + 6
INPUT_MAX = 63
# 504 / (1 + (i + 1/2) / 32), rounded
RECIPROCAL = tuple(round(504 / (1 + (i + 0.5) / 32)) for i in range(32))

LAYERS = 2
HIDDEN = (16, 32)
OUTPUTS = 4
SHIFT = 6
ACTIVATION_MAX = 127

# Where a weight block says how many neurons the first layer has.
NEURONS_AT = 5

# Stands for the number of neurons in what is written for C; no other number is the same.
_H = 255

# What vector kernels take in 32 bits; half a row of a layer they take in 16.
MAX_LINEAR_SUM = 65000


def fields(hidden: int) -> tuple[tuple[str, int, int, int], ...]:
    """Name, rows, columns and bytes of each field of a weight block, in order."""
    return (
        ("linear", 1, LINEAR, 2),
        ("b1", 1, hidden, 2),
        ("w1", hidden, INPUTS, 1),
        ("b2", 1, hidden, 2),
        ("w2", hidden, hidden, 1),
        ("b3", 1, OUTPUTS, 2),
        ("w3", OUTPUTS, hidden, 1),
    )


def header(hidden: int) -> bytes:
    """The first bytes of a weight block: version, context layout, counts."""
    return bytes([VERSION, CONTEXT_LAYOUT, LINEAR, INPUTS, LAYERS, *[hidden] * LAYERS, OUTPUTS])


def block_size(hidden: int) -> int:
    """Bytes of a weight block."""
    return len(header(hidden)) + sum(rows * columns * size for _, rows, columns, size in fields(hidden))


def c_header() -> str:
    """Text of native/network.h."""
    dy, dx = (", ".join(map(str, offsets)) for offsets in zip(*NEIGHBOURS, strict=True))
    constants = {
        "NEIGHBOURS": len(NEIGHBOURS),
        "WIDE": WIDE,
        "LINEAR": LINEAR,
        "INPUTS": INPUTS,
        "INPUT_MAX": INPUT_MAX,
        "MIN_HIDDEN": min(HIDDEN),
        "MAX_HIDDEN": max(HIDDEN),
        "LAYERS": LAYERS,
        "OUTPUTS": OUTPUTS,
        "SHIFT": SHIFT,
        "ACTIVATION_MAX": ACTIVATION_MAX,
        "MAX_LINEAR_SUM": MAX_LINEAR_SUM,
        "FIELDS": len(fields(0)),
        "WEIGHTS_HEADER": len(header(0)),
        "NEURONS_AT": NEURONS_AT,
        "MAX_WEIGHTS": block_size(max(HIDDEN)),
    }
    sides = {_H: "h"}
    layout = ", ".join(
        f"{{{sides.get(rows, rows)}, {sides.get(columns, columns)}, {size}}}" for _, rows, columns, size in fields(_H)
    )
    first = ", ".join("(uint8_t)(h)" if byte == _H else str(byte) for byte in header(_H))
    lines = [
        "/* Written by setup.py from stages/network.py: the network's shape. */",
        "#ifndef AC_NETWORK_H",
        "#define AC_NETWORK_H",
        "",
        "#include <stdint.h>",
        "",
        "enum {",
        *(f"    AC_{name} = {value}," for name, value in constants.items()),
        "};",
        "",
        f"static const int8_t ac_dy[AC_NEIGHBOURS] = {{{dy}}};",
        f"static const int8_t ac_dx[AC_NEIGHBOURS] = {{{dx}}};",
        f"static const int16_t ac_reciprocal[32] = {{{', '.join(map(str, RECIPROCAL))}}};",
        "",
        "/* What a weight block of h neurons begins with. */",
        f"#define AC_WEIGHTS_HEADER_OF(h) {{{first}}}",
        "/* Rows, columns and bytes of each field of a weight block of h neurons. */",
        f"#define AC_WEIGHT_FIELDS(h) {{{layout}}}",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)
