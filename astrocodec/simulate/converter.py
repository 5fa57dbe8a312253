"""The analogue-to-digital converter: from ADU to codes, with uneven code widths and missing codes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.detector import BLOCK_ROWS
from astrocodec.simulate.sky import Image, require_range


def uneven_widths(period: int, amplitude: float) -> tuple[float, ...]:
    """Code widths of a converter whose low bits have wrong weights, by code modulo `period` (2, 4, 8 or 16).

    Each bit b of the code makes it narrower when set and wider when not, in proportion to 2**-b; the mean width is 1,
    the extremes are ``1 - amplitude`` and ``1 + amplitude``. Raises ``ValueError`` for another period.

    Examples
    --------
    >>> uneven_widths(2, 0.25)
    (1.25, 0.75)
    """
    if period not in (2, 4, 8, 16):
        raise ValueError(f"period is {period}; allowed are 2, 4, 8 and 16. Give the number of codes in a pattern.")
    require_range("amplitude", amplitude, 0.0, 0.99)
    bits = range(period.bit_length() - 1)
    scale = amplitude / sum(2.0**-b for b in bits)
    return tuple(1.0 + scale * sum((-1.0 if code >> b & 1 else 1.0) * 2.0**-b for b in bits) for code in range(period))


@dataclass(frozen=True)
class Converter:
    """Analogue-to-digital converter (IEEE Std 1241 defines its differential non-linearity).

    Attributes
    ----------
    bits : int
        Resolution, 12 to 16; signals are clipped to 0 .. 2**bits - 1.
    widths : tuple of float
        Relative widths of the codes, repeating with code modulo their number: the differential non-linearity plus 1.
    missing, missing_period : tuple of int, int
        Codes that never occur: the code below takes their place. With a positive period, remainders of such codes.
    shift : int
        Codes are multiplied by 2**shift, as cameras do that store 12 bits in the upper part of a 16-bit word.
    """

    bits: int = 16
    widths: tuple[float, ...] = (1.0,)
    missing: tuple[int, ...] = ()
    missing_period: int = 0
    shift: int = 0

    def __post_init__(self) -> None:
        require_range("Converter.bits", self.bits, 12, 16)
        require_range("Converter.shift", self.shift, 0, 16 - self.bits)
        require_range("Converter.missing_period", self.missing_period, 0, self.full_scale)
        require_range("len(Converter.widths)", len(self.widths), 1, 1024)
        for width in self.widths:
            require_range("Converter.widths", width, 0.0, 1024.0)
        if not sum(self.widths) > 0.0 or len(set(self.missing)) >= (self.missing_period or self.full_scale):
            raise ValueError(
                "Converter leaves no code; allowed is at least one. Give fewer missing codes or zero widths."
            )

    @property
    def full_scale(self) -> int:
        """Largest code before the shift."""
        return (1 << self.bits) - 1


def digitise(adu: Image, converter: Converter) -> npt.NDArray[np.int32]:
    """Convert a signal `adu` (float32, [y, x], in units of the mean code width) to codes.

    Returns
    -------
    ndarray of int32, [y, x]
        Codes from 0 to ``converter.full_scale << converter.shift``.

    Examples
    --------
    >>> digitise(np.float32([[-3.0, 10.4, 99999.0]]), Converter(bits=12, missing=(10,))).tolist()
    [[0, 9, 4095]]
    """
    widths = np.array(converter.widths)
    edges = np.cumsum(widths)[:-1] / widths.mean()  # where a code ends and the next begins, within one period
    codes = np.arange(converter.full_scale + 1, dtype=np.int32)
    absent = np.isin(codes % converter.missing_period if converter.missing_period else codes, converter.missing)
    table = np.maximum.accumulate(np.where(absent, -1, codes))
    table[table < 0] = codes[~absent][0]
    table <<= converter.shift
    result = np.empty(adu.shape, np.int32)
    for start in range(0, adu.shape[0], BLOCK_ROWS):
        signal = np.clip(adu[start : start + BLOCK_ROWS], 0.0, converter.full_scale) + np.float32(0.5)
        first = np.floor(signal / widths.size) * widths.size
        code = first.astype(np.int32) + np.searchsorted(edges, signal - first, side="right")
        result[start : start + BLOCK_ROWS] = table[np.minimum(code, converter.full_scale)]
    return result
