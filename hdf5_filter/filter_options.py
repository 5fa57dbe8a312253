"""The filter's options as h5py takes them: `compression=AstroCodec()` or `**AstroCodec()`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import h5py
import numpy as np

import astrocodec
from astrocodec._native import register_model
from astrocodec.bound_words import BoundWords, asked_bound, words_of
from astrocodec.bounds import Bound, blank_bits
from astrocodec.codec import are_residuals
from astrocodec.codecs import exact_codec, find_codec
from astrocodec.model import Model, load_model
from hdf5_filter.identity import FILTER_ID, FILTER_NAME
from hdf5_filter.values import CAUSAL, FilterValues

__all__ = ["AstroCodec"]


class AstroCodec(h5py.filters.FilterRefBase):  # type: ignore[misc]
    """
    Options of the astrocodec filter for one dataset.

    Parameters
    ----------
    model : str, Path or Model, optional
        ``'default'``, or a model from `astrocodec.tune`, which then travels in the dataset's header.
    codec : str, optional
        Another codec that is installed and exact. `write_dataset` writes with it; HDF5 itself, and so h5py's
        ``create_dataset(data=...)``, cannot. The other options are not its own.
    thorough : bool, optional
        Try every way to code a piece: up to twice the time.
    embed_model : bool, optional
        Put a tuned model into every chunk as well, for readers that get chunks without the dataset.
    try_general : bool, optional
        Let each chunk take the better of the tuned and the general model: twice the time to write.
    planes : str, optional
        ``'residuals'``: planes of a chunk are coded as differences to the one before, as `astrocodec.encode` has it.
    max_error, noise_increase, gain, read_noise, dither, protect_sources, saturation : optional
        LOSSY, within a bound: `astrocodec.Bound` says what they are. It stands in the dataset's header, and holds for
        whatever writes chunks. Integers of 1, 2 and 4 bytes and floats of 4 and 8.

    Examples
    --------
    >>> import h5py, numpy as np
    >>> frame = np.random.default_rng(1).poisson(300, (512, 512)).astype("u2")
    >>> with h5py.File.in_memory() as file:
    ...     dataset = file.create_dataset("sci", data=frame, chunks=(256, 256), compression=AstroCodec())
    ...     (dataset[...] == frame).all(), dataset.id.get_storage_size() < frame.nbytes / 2
    (np.True_, True)
    """

    filter_id = FILTER_ID
    filter_name = FILTER_NAME

    def __init__(
        self,
        model: str | Path | Model = "default",
        *,
        codec: str = "causal",
        thorough: bool = False,
        embed_model: bool = False,
        try_general: bool = True,
        planes: str = "auto",
        **words: Unpack[BoundWords],
    ) -> None:
        bound = asked_bound(**words)
        residuals = are_residuals(planes)
        options = {
            "thorough": thorough,
            "embed_model": embed_model,
            "try_general": try_general,
            "residuals": residuals,
        }
        asked = {**options, "model": load_model(model) != load_model(), "try_general": not try_general}
        asked["max_error and noise_increase"] = bound is not None
        if bound and residuals:
            raise ValueError("planes='residuals' goes with no bound: leave one away")
        if exact_codec(codec, **asked) == "causal":
            self._set(FilterValues.with_model(load_model(model), **options, bound=bound))
            base = self.model.base or self.model
            if not base.is_shipped:
                register_model(base)  # it may have been installed since `register` told the filter of all
        else:
            self._set(FilterValues(codec=find_codec(codec).id))

    def _set(self, values: FilterValues) -> None:
        self.values = values
        self.filter_options = values.to_values()

    @classmethod
    def tuned(cls, data: Any, *, base: str | Path | Model = "default", effort: int = 5, **options: Any) -> AstroCodec:
        """
        Fit the model to an array, or to several.

        Parameters
        ----------
        data : array_like or sequence of array_like
            What will be stored, or a part of it. Of an HDF5 dataset a sample is read.
        base : str, Path or Model, optional
            The shipped model to start from.
        effort : int, optional
            1 to 9; 5 takes about a second.
        **options
            As for the class.

        Examples
        --------
        >>> import numpy as np
        >>> AstroCodec.tuned(np.zeros((8, 8), "u2"))
        AstroCodec()
        """
        from hdf5_filter.sampling import sample

        arrays = data if isinstance(data, list | tuple) else [data]
        parts = [part for array in arrays for part in sample(array)]
        bound = cls(**options).values.bound
        thorough = options.get("thorough", False)
        return cls(astrocodec.tune(parts, base, effort=effort, thorough=thorough, bound=bound), **options)

    @classmethod
    def from_filter_options(cls, filter_options: Sequence[int]) -> AstroCodec:
        """
        Rebuild the options from the filter's values of a dataset.

        Examples
        --------
        >>> AstroCodec.from_filter_options((1, 1))
        AstroCodec(thorough=True)
        """
        made = cls.__new__(cls)
        found = FilterValues.from_values(tuple(filter_options))
        is_default = found.fingerprint == load_model("default").fingerprint
        named = "" if is_default else found.fingerprint
        made._set(replace(found, fingerprint=named, dtype=None, pairs=False, chunk=(), blank=None))
        return made

    def within(self, bound: Bound, dtype: np.dtype[Any]) -> AstroCodec:
        """Return the same with a bound, for elements of a type that its blank is one of."""
        made = AstroCodec.__new__(AstroCodec)
        blank = None if bound.blank is None else blank_bits(bound.blank, dtype)
        made._set(replace(self.values, bound=replace(bound, blank=None), blank=blank))
        return made

    @property
    def model(self) -> Model:
        """The model that chunks are coded with."""
        return self.values.model()

    def get_config(self) -> dict[str, Any]:
        """
        Return the options as plain values.

        Examples
        --------
        >>> AstroCodec().get_config()["thorough"]
        False
        """
        values = self.values
        return {
            "id": FILTER_NAME,
            "model": self.model.fingerprint,
            "tuned": not self.model.is_shipped,
            "thorough": values.thorough,
            "embed_model": values.embed_model,
            "try_general": values.try_general,
            "planes": "residuals" if values.residuals else "auto",
        } | words_of(values.bound)

    def __repr__(self) -> str:
        """Name the options that are not the default."""
        values = self.values
        model = self.model
        tuned = f"<tuned {model.fingerprint}, {len(values.delta)} bytes>"
        named = f"model={model.fingerprint!r}" if model.is_shipped else f"model={tuned}"
        parts = [] if values.codec == CAUSAL else [f"codec={find_codec(values.codec).name!r}"]
        parts += [named] if values.fingerprint else []
        parts += ["thorough=True"] if values.thorough else []
        parts += ["embed_model=True"] if values.embed_model else []
        parts += [] if values.try_general else ["try_general=False"]
        parts += ["planes='residuals'"] if values.residuals else []
        parts += [f"{name}={value!r}" for name, value in words_of(values.bound).items()]
        return f"AstroCodec({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        """Whether two give the same values."""
        return isinstance(other, AstroCodec) and self.filter_options == other.filter_options

    def __hash__(self) -> int:
        """As h5py's base class."""
        return hash((self.filter_id, self.filter_options))
