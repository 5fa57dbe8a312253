"""Numbers of the network that mixes predictions of visibilities, see docs/format.md section "Mixing".

Trained by ``python -m astrocodec.learning.train_mixing``; its card stands in docs/visibilities.md,
section "The network that mixes".
"""

INPUTS, HIDDEN, OUTPUTS = 10, 8, 4
TURNED = 45  # what is taken off the logarithms of the first four inputs
WEIGHTS = (
    (-84, 50, 58, -123, 3, 11, -20, -242, -94, 30),
    (1, 18, 73, 5, 8, 143, -9, -98, 5, -10),
    (26, 47, 47, -77, -59, 21, -142, 108, -15, -3),
    (24, -5, 23, 157, -12, -23, -28, -7, 13, 11),
    (-1, 20, 29, -59, -10, -7, 116, -85, -30, 7),
    (-173, 43, 35, 26, -14, 86, 98, 92, -59, 55),
    (49, -33, -86, 178, 4, -15, -43, -95, -55, -46),
    (98, -16, -145, 77, -24, -44, -62, 8, 304, 47),
)
BIASES = (-3843, -1964, -3377, 317, 1109, -1442, 710, 508)


def c_header() -> str:
    """Text of native/visibility/mixing_weights.h."""

    def braces(numbers: tuple[int, ...]) -> str:
        return "{" + ", ".join(map(str, numbers)) + "}"

    rows = ", ".join(braces(row) for row in WEIGHTS)
    return (
        "/* Written by setup.py from stages/visibility_mixing_weights.py. */\n"
        f"enum {{ AC_MIX_INPUTS = {INPUTS}, AC_MIX_HIDDEN = {HIDDEN}, AC_MIX_OUTPUTS = {OUTPUTS}, "
        f"AC_MIX_TURNED = {TURNED} }};\n"
        f"static const int32_t ac_mix_weights[AC_MIX_HIDDEN][AC_MIX_INPUTS] = {{{rows}}};\n"
        f"static const int32_t ac_mix_biases[AC_MIX_HIDDEN] = {braces(BIASES)};\n"
    )
