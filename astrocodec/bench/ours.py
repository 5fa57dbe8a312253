"""astrocodec's own figures, through its FITS door: whole files, everything charged."""

import gzip
import io
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from astropy.io import fits

from astrocodec.bench.fits_size import charged_bytes_of_file
from astrocodec.bench.peers import Measurement


@dataclass(frozen=True)
class Setting:
    """How our codec is run."""

    tune: bool = True  # whether the model is fitted to each image
    effort: int = 5  # 1 to 9
    model: str = "default"  # name or file of the model

    @property
    def name(self) -> str:
        """As printed in tables."""
        base = "astrocodec" if self.model == "default" else f"astrocodec {Path(self.model).stem}"
        return f"{base} tuned {self.effort}" if self.tune else f"{base} untuned"


def read_plain(path: Path) -> bytes:
    """Read a FITS file, plain or packed by gzip, unpacked."""
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def measure_ours(setting: Setting, original: bytes, repeats: int = 1) -> Measurement:
    """Compress and decompress a plain FITS file on one core, check that it comes back, and count.

    Times are those of the whole file: reading, tuning, coding, writing; not verifying.
    """
    encode_times, decode_times = [], []
    for _ in range(repeats):
        start = time.process_time()
        compressed = _compress(setting, original)
        middle = time.process_time()
        restored = _decompress(compressed)
        encode_times.append(middle - start)
        decode_times.append(time.process_time() - middle)
    if restored != original:
        difference = fits.FITSDiff(fits.open(io.BytesIO(original)), fits.open(io.BytesIO(restored)))
        if not difference.identical:
            raise AssertionError(f"{setting.name} gave back another file:\n{difference.report()}")
    size = charged_bytes_of_file(compressed, original)
    return Measurement(setting.name, size, median(encode_times), median(decode_times))


def _compress(setting: Setting, original: bytes) -> bytes:
    """Compress in memory."""
    import fits_tiles

    target = io.BytesIO()
    fits_tiles.compress(
        io.BytesIO(original), target, model=setting.model, tune=setting.tune, effort=setting.effort, verify=False
    )
    return target.getvalue()


def _decompress(compressed: bytes) -> bytes:
    """Decompress in memory."""
    import fits_tiles

    target = io.BytesIO()
    fits_tiles.decompress(io.BytesIO(compressed), target, verify=False)
    return target.getvalue()
