"""`compress`: a file whose datasets are stored with our filter."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Unpack

import h5py

from astrocodec.bound_words import BoundWords, asked_bound
from astrocodec.bounds import Bound
from astrocodec.codec import are_residuals
from astrocodec.codecs import exact_codec
from astrocodec.errors import DifferenceError
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.files.target import Target
from astrocodec.model import Model, keep_for_reading, load_model, on_installed_base
from astrocodec.tuning import tune as fit
from hdf5_filter.chunked import filter_ids
from hdf5_filter.closing import closing
from hdf5_filter.comparison import compare_files
from hdf5_filter.copying import Place, copy_dataset, copy_file
from hdf5_filter.dataset_loss import coded_loss
from hdf5_filter.files import create_like, datasets_of, naming_damaged_file, open_file, system_errors
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.loss_attributes import add_loss, stated_loss
from hdf5_filter.lossy_choice import bound_of_dataset, coordinates_of, why_lossless
from hdf5_filter.model_attribute import add_model, needed_model
from hdf5_filter.names import bytes_of, name_of
from hdf5_filter.reading import available_cores
from hdf5_filter.references import Addresses
from hdf5_filter.report import DatasetReport, FileReport
from hdf5_filter.sampling import sample
from hdf5_filter.storage import describe, describe_with_loss, reason_to_keep
from hdf5_filter.transfer import compress_dataset, fitted_chunks
from hdf5_filter.userblock import copy_surroundings, end_of
from hdf5_filter.writing import NotCodedError

__all__ = ["Transfer", "compress", "rewrite"]

Transfer = Callable[[h5py.Dataset, Place, Any, Callable[[int], None]], DatasetReport]


def compress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    datasets: Sequence[str] | None = None,
    chunks: tuple[int, ...] | None = None,
    model: str | Path | Model = "default",
    codec: str = "causal",
    self_contained: bool = False,
    tune: bool = True,
    effort: int = 5,
    thorough: bool = False,
    planes: str = "auto",
    workers: int | None = None,
    overwrite: bool = False,
    only_smaller: bool = False,
    verify: bool = True,
    progress: ProgressCall | None = None,
    **words: Unpack[BoundWords],
) -> FileReport:
    """
    Copy an HDF5 file, storing its datasets of numbers with the astrocodec filter, losslessly unless a bound is given.

    Everything else is copied in the file's own types, byte for byte: attributes, groups, links, references, named
    types, fill values, creation order, and every dataset that is not coded or would not become smaller.

    Parameters
    ----------
    source, target : path
        The file, and the one to write. It gets its name when it is whole and verified.
    datasets : sequence of str, optional
        Paths of the datasets to compress, or of groups that hold them; by default all.
    chunks : tuple of int, optional
        Shape of the chunks along the last axes; leading axes have 1. By default the dataset's own where they suit,
        else about 512 x 512.
    model : str, Path or Model, optional
        Model to code with, or to start from when tuning.
    codec : str, optional
        Another codec that is installed, for the chunks; it takes no model. One that is not exact is refused.
    self_contained : bool, optional
        Give each dataset that is compressed its whole model, or the one that it was tuned from, as attribute
        ``astrocodec_model``: some 34 kB each. `read_dataset`, `verify` and `decompress` then need no installed one.
    tune : bool, optional
        Fit the model to each dataset.
    effort : int, optional
        Time for tuning, 1 to 9.
    thorough : bool, optional
        Try every way to code a piece.
    planes : str, optional
        ``'residuals'``: planes of a chunk are coded as differences to the one before.
    max_error, noise_increase, gain, read_noise, dither, protect_sources, saturation : optional
        LOSSY, within a bound, in the unit of the stored numbers: `astrocodec.Bound` says what they are. Images and
        cubes lose something, but for coordinates, flags and those whose type no bound is kept of; with `datasets`, also
        what is named itself. Fill values, also of ``_FillValue`` and ``missing_value``, are kept. Every
        element is compared with its bound before the target gets its name; the dataset's attributes and the report say
        what was lost, and why others lost nothing.
    workers : int, optional
        Threads; by default one for each core.
    overwrite : bool, optional
        Whether `target` may exist.
    only_smaller : bool, optional
        Write nothing where the new file would not be smaller, or no dataset was compressed; the report's target is then
        ``''``.
    verify : bool, optional
        Decode everything and compare it with the source before the target gets its name.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    FileReport

    Raises
    ------
    FormatError
        `source` is not HDF5 or damaged, or holds an object that cannot be copied; the message names it.
    FileExistsError
        `target` exists.
    ValueError
        There is no such dataset, it cannot be compressed, or `chunks` has sides below 1.

    Examples
    --------
    >>> import h5py, numpy as np, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with h5py.File(folder / "a.h5", "w") as file:
    ...     file["sci"] = np.random.default_rng(1).poisson(300, (256, 256)).astype("u2")
    >>> report = compress(folder / "a.h5", folder / "a.ac.h5", tune=False)
    >>> report.datasets[0].kind, report.verified, report.ratio > 1.5
    ('compressed', True, True)
    """
    if chunks is not None and (not chunks or min(chunks) < 1):
        raise ValueError(f"chunks {chunks} found, sides of at least 1 allowed")
    asked = {
        "model": model != "default",
        "self_contained": self_contained,
        "effort": effort != 5,
        "thorough": thorough,
        "planes": are_residuals(planes),
    }
    bound = asked_bound(**words)
    asked["max_error and noise_increase"] = bound is not None
    exact_codec(codec, **asked)
    if bound and are_residuals(planes):
        raise ValueError("planes='residuals' goes with no bound: leave one away")
    base = load_model(model)
    if self_contained and on_installed_base(base) is None:
        keep_for_reading(base)  # each dataset brings it along
    cores = available_cores() if workers is None else workers
    wanted, named, coordinates = None, set[int](), set[int]()

    def lossy_bound(dataset: h5py.Dataset) -> tuple[Bound | None, str]:
        """Return the bound of a dataset, or why it has none."""
        if bound is None:
            return None, ""
        address = Addresses.address(dataset.id)
        is_coordinate = address in coordinates
        if why := why_lossless(dataset, bound, is_named=address in named, is_coordinate=is_coordinate):
            return None, f"lossless: {why}"
        found = bound_of_dataset(dataset, bound, cores)
        return found, "" if found else "lossless: several values stand for none, of which a bound keeps one"

    def transfer(dataset: h5py.Dataset, place: Place, kind: Any, advance: Callable[[int], None]) -> DatasetReport:
        reason = reason_to_keep(dataset)
        if wanted is not None:
            chosen = Addresses.address(dataset.id) in wanted
            reason = "not chosen" if not chosen else "" if reason == "small" else reason
        if not reason and codec != "causal":
            reason = _why_not_by(codec, dataset)
        if not reason:
            within, note = lossy_bound(dataset)
            try:
                made = store(dataset, place, kind, advance, within)
                lost = coded_loss(made) if made is not None and within is not None else None
                if lost is not None and lost.variance:
                    add_loss(made, lost)
                elif made is not None and within is not None:
                    note = "lossless: within its bound nothing would be gained"
                    lost, made = None, store(dataset, place, kind, lambda _: None, None)
                if made is not None:
                    place.put(made.id)
                    found = describe(made, "compressed", note)
                    if lost is not None:
                        found.tell_loss(lost)
                    elif before := stated_loss(dataset):
                        found.add_note(f"lossy before: {before}")
                    return found
                reason = "would not become smaller"
            except NotCodedError as error:
                reason = str(error)
        else:
            advance(_size(dataset))
        copy_dataset(dataset, place, kind)
        return describe_with_loss(dataset, "copied", reason)

    def store(
        dataset: h5py.Dataset, place: Place, kind: Any, advance: Callable[[int], None], within: Bound | None
    ) -> h5py.Dataset | None:
        """Store a dataset with a codec that is fitted to it; None where that would not make it smaller."""
        if codec != "causal":
            options = AstroCodec(codec=codec)
        elif tune:
            fitted = fit([*sample(dataset)], base, effort=effort, thorough=thorough, bound=within)
            options = AstroCodec(fitted, thorough=thorough, planes=planes)
        else:
            options = AstroCodec(base, thorough=thorough, planes=planes)
        # the general one is not in the file
        if self_contained and needed_model(options.values) not in ("", load_model().fingerprint):
            options = AstroCodec(options.model, thorough=thorough, try_general=False, planes=planes)
        made = compress_dataset(
            dataset,
            place,
            kind,
            options,
            chunks=fitted_chunks(dataset, chunks),
            workers=cores,
            advance=advance,
            bound=within,
        )
        if made is not None and self_contained:
            add_model(made, options.values)
        return made

    def prepare(file: h5py.File) -> None:
        nonlocal wanted, named, coordinates
        wanted, named = _wanted_addresses(file, datasets)
        coordinates = coordinates_of(datasets_of(file)) if bound else set()

    return rewrite(
        source,
        target,
        transfer,
        prepare,
        workers=cores,
        overwrite=overwrite,
        only_smaller=only_smaller,
        verify=verify or bound is not None,
        progress=progress,
    )


def rewrite(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    transfer: Transfer,
    prepare: Callable[[h5py.File], None],
    *,
    workers: int,
    overwrite: bool,
    only_smaller: bool = False,
    verify: bool,
    progress: ProgressCall | None,
) -> FileReport:
    """Copy a file whole or not at all, its datasets by `transfer`; `prepare` sees the open source first."""
    start = time.perf_counter()
    name = os.fspath(source)
    report = FileReport(name, os.fspath(target), os.stat(source).st_size)
    if os.path.exists(target) and os.path.samefile(source, target):
        raise FileExistsError(f"{name}: source and target are the same file; choose another target")
    with (
        open_file(source, caches=False) as old,
        naming_damaged_file(name),
        Target(target, overwrite=overwrite, like=source) as out,
        system_errors(os.fspath(target)),
    ):
        prepare(old)
        total = sum(_size(dataset) for dataset in datasets_of(old))
        meter = Meter(progress, total * (2 if verify else 1))
        with closing(create_like(old, out.temporary)) as new:

            def copy(dataset: h5py.Dataset, place: Place, kind: Any) -> None:
                found = transfer(dataset, place, kind, meter.advance)
                found.name = name_of(dataset)
                report.datasets.append(found)

            report.notes += copy_file(old, new, copy)
        copy_surroundings(source, out.temporary, old.userblock_size, end_of(old))
        report.compressed_bytes = out.temporary.stat().st_size
        # Without unused space a mere copy may be smaller too; that is not what was asked for.
        idle = all(entry.kind == "copied" for entry in report.datasets)
        if only_smaller and (idle or report.compressed_bytes >= report.original_bytes):
            report.target, report.seconds = "", time.perf_counter() - start
            return report
        if verify:
            try:
                with h5py.File(out.temporary, "r") as again:
                    found = compare_files(old, again, workers, meter.advance)
            except DifferenceError as error:
                text = str(error).replace(os.fspath(out.temporary), "the copy")  # which is gone by then
                raise DifferenceError(
                    f"{name}: the copy differs, nothing was written; please report this, unless a program changed the "
                    f"file meanwhile: {text}"
                ) from error
            report.compared(found.datasets, found.links)
        report.written = out.commit()
    report.seconds = time.perf_counter() - start
    return report


def _why_not_by(codec: str, dataset: h5py.Dataset) -> str:
    """Say why another codec than ours cannot write a dataset: HDF5 does not ask it, and it gets plain arrays."""
    if h5py.h5z.FILTER_FLETCHER32 in filter_ids(dataset):
        return f"fletcher32 goes with the causal codec only, not with {codec}"
    return f"codec {codec} takes no compounds" if dataset.dtype.names else ""


def _size(dataset: h5py.Dataset) -> int:
    return int(dataset.size or 0) * int(dataset.id.get_type().get_size())


def _wanted_addresses(file: h5py.File, names: Sequence[str] | None) -> tuple[set[int] | None, set[int]]:
    """
    Find the datasets that are named, or that groups of these names hold (None: all), and those named themselves.

    Raises
    ------
    ValueError
        There is no such dataset, or it cannot be compressed.
    """
    if names is None:
        return None, set()
    found, themselves = set[int](), set[int]()
    for name in names:
        obj = file.get(bytes_of(name))
        if obj is not None and h5py.h5o.get_info(obj.id).fileno != h5py.h5o.get_info(file.id).fileno:
            raise ValueError(f"{file.filename}: {name!r} leads to {obj.file.filename}; name what is in this file")
        if isinstance(obj, h5py.Dataset):
            reason = reason_to_keep(obj)
            if reason not in ("", "small", "compressed already"):
                raise ValueError(f"{file.filename}: dataset {name!r} cannot be compressed: {reason}")
            themselves.add(Addresses.address(obj.id))
        elif isinstance(obj, h5py.Group):
            found |= {Addresses.address(dataset.id) for dataset in datasets_of(obj)}
        else:
            raise ValueError(f"{file.filename}: no dataset {name!r}; `astrocodec info` lists them")
    return found | themselves, themselves
