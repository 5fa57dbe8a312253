"""An astropy HDU with ASTROCODEC_1 tiles: lossless by default, its model fitted to its own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
from astropy.io import fits

import astrocodec
from astrocodec.model import Model, load_model
from fits_tiles.hooks.astropy_hook import register
from fits_tiles.layout.grid import plan_tile_shape
from fits_tiles.layout.headers import ALGORITHM
from fits_tiles.layout.model_cards import MAX_DELTA
from fits_tiles.layout.stored import stored_integers

__all__ = ["CompImageHDU"]


class CompImageHDU(fits.CompImageHDU):  # type: ignore[misc]
    """
    `astropy.io.fits.CompImageHDU` for ASTROCODEC_1.

    Parameters
    ----------
    data : ndarray, optional
        Pixels, integers or floats, 1-D or more.
    header : `astropy.io.fits.Header`, optional
        Header of the image.
    name : str, optional
        ``EXTNAME``.
    tile_shape : sequence of int, optional
        Rows and columns of a tile.
    model : str or path or Model
        Model to code with, or to start tuning from.
    tune : bool
        Fit the model to the pixels when the HDU is written; kept only where it wins.
    effort : int
        1 to 9, time spent on tuning.
    quantize_level : float, optional
        Quantise floats; lossy. By default floats are kept bit for bit.
    **keywords
        Passed to `astropy.io.fits.CompImageHDU`, for example ``quantize_method`` and ``dither_seed``.

    Examples
    --------
    >>> import io, numpy as np
    >>> from astropy.io import fits
    >>> import fits_tiles
    >>> file = io.BytesIO()
    >>> hdu = fits_tiles.CompImageHDU(np.ones((64, 64), np.float32), tune=False)
    >>> fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    >>> with fits.open(io.BytesIO(file.getvalue())) as opened:
    ...     opened[1].compression_type, float(opened[1].section[3, 4])
    ('ASTROCODEC_1', 1.0)
    """

    def __init__(
        self,
        data: npt.NDArray[Any] | None = None,
        header: Any = None,
        name: str | None = None,
        *,
        tile_shape: Sequence[int] | None = None,
        model: str | Path | Model = "default",
        tune: bool = True,
        effort: int = 5,
        quantize_level: float | None = None,
        **keywords: Any,
    ) -> None:
        register()
        self._base = load_model(model)
        self._tune = tune
        self._effort = effort
        self._fitted: tuple[int, Model] | None = None
        self._writing = False
        # astropy says what is wrong with data that have no axes
        shape = None if data is None or not data.size or not data.ndim else plan_tile_shape(data.shape, tile_shape)
        try:
            super().__init__(
                data,
                header,
                name,
                compression_type=ALGORITHM,
                tile_shape=shape,
                quantize_level=quantize_level or 0,
                **keywords,
            )
        except ZeroDivisionError as error:  # astropy divides by the length of an axis, with every algorithm
            raise ValueError(
                f"an image of shape {getattr(data, 'shape', None)} has no pixels, and astropy makes no tiles of it: "
                "use fits.ImageHDU, which fits_tiles.compress takes as it is"
            ) from error

    def copy(self) -> CompImageHDU:
        """Return an HDU of the same pixels, cards and settings."""
        same = {name: getattr(self, name) for name in ("tile_shape", "quantize_method", "dither_seed")}
        return type(self)(
            None if self.data is None else self.data.copy(),
            self.header.copy(),
            model=self._base,
            tune=self._tune,
            effort=self._effort,
            quantize_level=self.quantize_level,
            uint=self._uint,
            **same,
        )

    @property
    def tile_model(self) -> Model:
        """The model that the tiles are coded with; fitted on first use while the HDU is being written."""
        if not (self._tune and self._writing and self._has_data) or (self.data.dtype.kind == "f" and self._quantizes):
            return self._base
        if self._fitted is None or self._fitted[0] != id(self.data):
            planes = stored_integers(self.data)
            sample = planes if planes.ndim <= 2 or not planes.size else list(planes.reshape(-1, *planes.shape[-2:]))
            self._fitted = id(self.data), astrocodec.tune(sample, self._base, max_bytes=MAX_DELTA, effort=self._effort)
        return self._fitted[1]

    @property
    def _quantizes(self) -> bool:
        return bool(self.quantize_level)

    def _prewriteto(self, *args: Any, **keywords: Any) -> Any:
        self._writing = True
        try:
            return super()._prewriteto(*args, **keywords)
        finally:
            self._writing = False
