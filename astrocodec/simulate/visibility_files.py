"""Simulated visibilities as files: NumPy archives, uvh5, uvfits and Measurement Sets, written block by block.

Measurement Sets need python-casacore, uvh5 and uvfits pyuvdata: both are the extra ``vis``. Directions are of
the equinox of date in uvh5 and uvfits, and in Measurement Sets of J2000; baselines are of date in all.
"""

from __future__ import annotations

import math
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.visibilities import START, Block, Visibilities

__all__ = ["FORMATS", "write_visibilities"]

_MAX_UVFITS = 1 << 30  # pyuvdata writes them in one piece


def write_visibilities(made: Visibilities, path: Path) -> None:
    """
    Write an observation to `path`, whose ending is one of `FORMATS`; what is there is replaced.

    Nothing is cleaned up after an error: give a path that nobody looks at, and move what is whole.

    Raises
    ------
    ValueError
        For another ending, and for uvfits of more than 1 GiB.
    ImportError
        Where pyuvdata or python-casacore is missing.
    """
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path.name} has the ending {path.suffix!r}; allowed are {', '.join(FORMATS)}. Choose one.")
    FORMATS[path.suffix.lower()](made, path)


def _write_npz(made: Visibilities, path: Path) -> None:
    """Arrays by name, `vis` and `flags` as [time, baseline, freq, pol]; flags are made twice rather than held."""
    n_times, n_baselines = made.shape[:2]
    small: dict[str, npt.NDArray[Any]] = {
        "uvw": made.uvw(0, n_times),
        "freqs_hz": made.frequencies,
        "times_jd": made.times,
        "antenna1": made.antenna1,
        "antenna2": made.antenna2,
        "polarizations": np.array(made.polarizations),
        "telescope": np.array(made.array.telescope),
        "units": np.array("Jy"),
        "antenna_names": np.array(made.array.names),
        "present": np.ones((n_times, n_baselines), np.bool_),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _member(archive, "vis", made.shape, np.dtype(np.complex64), (block.vis for block in made.blocks()))
        rows = (made.flags(time, time + 1) for time in range(n_times))
        _member(archive, "flags", made.shape, np.dtype(np.bool_), rows)
        for name, array in small.items():
            _member(archive, name, array.shape, array.dtype, [array])


def _member(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any],
    parts: Iterable[npt.NDArray[Any]],
) -> None:  # fmt: skip
    """One array of the archive, from parts along its first axis."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        for part in parts:
            member.write(np.ascontiguousarray(part).tobytes())


def _uvdata(made: Visibilities) -> Any:
    """Metadata for pyuvdata, without visibilities; rows go by time, then baseline."""
    try:
        from astropy.coordinates import EarthLocation
        from pyuvdata import Telescope, UVData
    except ImportError as error:
        message = "uvh5 and uvfits need pyuvdata, which is not installed: run `pip install 'astrocodec[vis]'`"
        raise ImportError(message, name=error.name) from error
    n_times, n_baselines = made.shape[:2]
    array = made.array
    site = EarthLocation.from_geodetic(array.longitude, array.latitude, array.height)
    telescope = Telescope.new(
        name=array.telescope,
        location=site,
        antenna_names=list(array.names),
        antenna_numbers=list(range(len(array.names))),
        antenna_positions=_geocentric(made),
        antenna_diameters=np.full(len(array.names), array.diameter),
        instrument=array.telescope,
        feeds=["x", "y"],
        mount_type="fixed",
    )
    field = {
        "cat_name": "field",
        "cat_type": "sidereal",
        "cat_lon": made.right_ascension,
        "cat_lat": made.declination,
        "cat_frame": "fk5",
        "cat_epoch": 2000.0 + (START - 2_451_545.0) / 365.25,
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Recalculating uvw_array")  # ours take their place
        found = UVData.new(
            freq_array=made.frequencies,
            polarization_array=[-5, -7, -8, -6],
            times=np.repeat(made.times, n_baselines),
            antpairs=np.tile(np.stack([made.antenna1, made.antenna2], axis=1), (n_times, 1)),
            do_blt_outer=False,
            integration_time=made.interval,
            channel_width=made.width,
            telescope=telescope,
            phase_center_catalog={0: field},
            phase_center_id_array=np.zeros(n_times * n_baselines, int),
            vis_units="Jy",
            time_axis_faster_than_bls=False,
            blts_are_rectangular=True,
            history="Simulated by astrocodec: not an observation.",
        )
    found.uvw_array = made.uvw(0, n_times).reshape(-1, 3)
    found._set_app_coords_helper()
    return found


def _rows(made: Visibilities, block: Block) -> npt.NDArray[np.intp]:
    """Rows of a block in a file whose rows go by time, then baseline."""
    n = made.shape[1]
    return np.arange(block.start * n, (block.start + len(block.vis)) * n)


def _write_uvh5(made: Visibilities, path: Path) -> None:
    """A block at a time into a file whose arrays are there from the beginning."""
    data = _uvdata(made)
    rows = max(1, min((1 << 20) // (8 * made.shape[2] * made.shape[3]), made.shape[1]))
    data.initialize_uvh5_file(str(path), clobber=True, chunks=(rows, *made.shape[2:]), data_write_dtype="c8")
    for block in made.blocks():
        vis, flags = (array.reshape(-1, *made.shape[2:]) for array in (block.vis, block.flags))
        counts = np.ones(vis.shape, np.float32)
        data.write_uvh5_part(
            str(path), data_array=vis, flag_array=flags, nsample_array=counts, blt_inds=_rows(made, block),
            check_header=False, run_check_acceptability=False,
        )  # fmt: skip


def _write_uvfits(made: Visibilities, path: Path) -> None:
    """In one piece; other programs want the polarisations XX, YY, XY, YX in this order."""
    size = 8 * math.prod(made.shape)
    if size > _MAX_UVFITS:
        raise ValueError(f"visibilities are {size} bytes; allowed in uvfits are {_MAX_UVFITS}. Write uvh5, or fewer.")
    data = _uvdata(made)
    blocks = list(made.blocks())
    data.data_array = np.concatenate([block.vis for block in blocks]).reshape(-1, *made.shape[2:])
    data.flag_array = np.concatenate([block.flags for block in blocks]).reshape(-1, *made.shape[2:])
    data.nsample_array = np.ones(data.data_array.shape, np.float32)
    data.reorder_pols("AIPS", run_check=False)
    data.write_uvfits(str(path), run_check_acceptability=False)


def _geocentric(made: Visibilities) -> npt.NDArray[np.float64]:
    """Places of stations from the array's, along the axes of the Earth, m."""
    latitude, longitude = math.radians(made.array.latitude), math.radians(made.array.longitude)
    east, north, up = made.array.places.T
    out = up * math.cos(latitude) - north * math.sin(latitude)
    x = out * math.cos(longitude) - east * math.sin(longitude)
    y = out * math.sin(longitude) + east * math.cos(longitude)
    return np.stack([x, y, north * math.cos(latitude) + up * math.sin(latitude)], axis=1)


def _write_ms(made: Visibilities, path: Path) -> None:
    """A Measurement Set with DATA, FLAG, WEIGHT and SIGMA, rows by time, then baseline.

    Baselines point from the second antenna to the first there, so visibilities are conjugate to those of uvh5.
    """
    try:
        from casacore import tables
    except ImportError as error:
        message = "Measurement Sets need python-casacore, which is not installed: run `pip install 'astrocodec[vis]'`"
        raise ImportError(message, name=error.name) from error
    shutil.rmtree(path, ignore_errors=True)
    n_times, n_baselines, n_channels, n_pols = made.shape
    cell = [n_channels, n_pols]
    rows = max(1, min((1 << 20) // (8 * n_channels * n_pols), n_baselines))
    tiled = {"shape": cell, "options": 4, "datamanagertype": "TiledColumnStMan"}
    description = tables.required_ms_desc()
    description.update(tables.maketabdesc([
        tables.makearrcoldesc("DATA", 0j, valuetype="complex", datamanagergroup="TiledData", **tiled),
        tables.makearrcoldesc("FLAG", False, valuetype="boolean", datamanagergroup="TiledFlag", **tiled),
    ]))  # fmt: skip
    description["UVW"].update(shape=[3], option=5)
    managers = {
        f"*{number + 1}": {
            "TYPE": "TiledColumnStMan", "NAME": name, "SEQNR": number,
            "SPEC": {"DEFAULTTILESHAPE": np.array([n_pols, n_channels, rows], np.int32)}, "COLUMNS": [column],
        } for number, (name, column) in enumerate((("TiledData", "DATA"), ("TiledFlag", "FLAG")))
    }  # fmt: skip
    table = tables.default_ms(str(path), description, managers)
    try:
        table.addrows(n_times * n_baselines)
        _fill_scalars(table, made)
        for block in made.blocks():
            start, count = block.start * n_baselines, len(block.vis) * n_baselines
            table.putcol("DATA", block.vis.conj().reshape(-1, n_channels, n_pols), start, count)
            table.putcol("FLAG", block.flags.reshape(-1, n_channels, n_pols), start, count)
            table.putcol("UVW", -block.uvw.reshape(-1, 3), start, count)
        _fill_subtables(tables, str(path), made)
    finally:
        table.close()


def _fill_scalars(table: Any, made: Visibilities) -> None:
    n_times, n_baselines, _, n_pols = made.shape
    seconds = np.repeat((made.times - 2_400_000.5) * 86_400.0, n_baselines)
    rows = len(seconds)
    noise = np.tile(np.sqrt((made.noise**2).mean(axis=1)), n_times).astype(np.float32)
    columns: dict[str, Any] = {
        "TIME": seconds,
        "TIME_CENTROID": seconds,
        "INTERVAL": np.full(rows, made.interval),
        "EXPOSURE": np.full(rows, made.interval),
        "ANTENNA1": np.tile(made.antenna1, n_times),
        "ANTENNA2": np.tile(made.antenna2, n_times),
        "SIGMA": np.repeat(noise[:, None], n_pols, axis=1),
        "WEIGHT": np.repeat(1.0 / np.maximum(noise, 1e-30)[:, None] ** 2, n_pols, axis=1),
        "SCAN_NUMBER": np.ones(rows, np.int32),
        "STATE_ID": np.full(rows, -1, np.int32),
    }
    for name in ("FEED1", "FEED2", "FIELD_ID", "DATA_DESC_ID", "ARRAY_ID", "OBSERVATION_ID", "PROCESSOR_ID"):
        columns[name] = np.zeros(rows, np.int32)
    for name, values in columns.items():
        table.putcol(name, values)
    table.putcol("FLAG_ROW", np.zeros(rows, np.bool_))


def _fill_subtables(tables: Any, path: str, made: Visibilities) -> None:
    """What every program wants to know of antennas, channels, polarisations and the field."""
    from astropy.coordinates import FK5, EarthLocation, SkyCoord
    from astropy.time import Time

    array = made.array
    site = EarthLocation.from_geodetic(array.longitude, array.latitude, array.height)
    centre = np.array([site.x.to_value("m"), site.y.to_value("m"), site.z.to_value("m")])
    of_date = FK5(equinox=Time(START, format="jd"))
    field = SkyCoord(made.right_ascension, made.declination, unit="rad", frame=of_date).transform_to(FK5())
    direction = np.array([[field.ra.rad, field.dec.rad]])
    first, last = (made.times[[0, -1]] - 2_400_000.5) * 86_400.0
    stations, channels = len(array.names), len(made.frequencies)
    each = np.full(channels, made.width)
    middle = 0.5 * (first + last)
    _fill(tables, path, "ANTENNA", stations, {
        "NAME": list(array.names), "STATION": list(array.names), "TYPE": ["GROUND-BASED"] * stations,
        "MOUNT": ["FIXED"] * stations, "POSITION": _geocentric(made) + centre, "OFFSET": np.zeros((stations, 3)),
        "DISH_DIAMETER": np.full(stations, array.diameter),
    })  # fmt: skip
    _fill(tables, path, "SPECTRAL_WINDOW", 1, {
        "NUM_CHAN": [channels], "NAME": ["band"], "REF_FREQUENCY": [made.frequencies[0]],
        "CHAN_FREQ": made.frequencies[None], "CHAN_WIDTH": each[None], "EFFECTIVE_BW": each[None],
        "RESOLUTION": each[None],
        "TOTAL_BANDWIDTH": [each.sum()], "MEAS_FREQ_REF": [5], "NET_SIDEBAND": [1], "FREQ_GROUP": [0],
        "FREQ_GROUP_NAME": [""], "IF_CONV_CHAIN": [0],
    })  # fmt: skip
    _fill(tables, path, "POLARIZATION", 1, {
        "NUM_CORR": [4], "CORR_TYPE": np.array([[9, 10, 11, 12]], np.int32),
        "CORR_PRODUCT": np.array([[[0, 0], [0, 1], [1, 0], [1, 1]]], np.int32),
    })  # fmt: skip
    _fill(tables, path, "DATA_DESCRIPTION", 1, {"SPECTRAL_WINDOW_ID": [0], "POLARIZATION_ID": [0]})
    _fill(tables, path, "FIELD", 1, {
        "NAME": ["field"], "CODE": [""], "TIME": [middle], "NUM_POLY": [0], "SOURCE_ID": [-1],
        "DELAY_DIR": direction[None], "PHASE_DIR": direction[None], "REFERENCE_DIR": direction[None],
    })  # fmt: skip
    _fill(tables, path, "OBSERVATION", 1, {
        "TELESCOPE_NAME": [array.telescope], "TIME_RANGE": np.array([[first, last]]), "OBSERVER": ["simulated"],
        "PROJECT": ["astrocodec"], "RELEASE_DATE": [last], "SCHEDULE_TYPE": [""],
    })  # fmt: skip
    _fill(tables, path, "FEED", stations, {
        "ANTENNA_ID": np.arange(stations), "FEED_ID": np.zeros(stations, int), "NUM_RECEPTORS": np.full(stations, 2),
        "SPECTRAL_WINDOW_ID": np.full(stations, -1), "BEAM_ID": np.full(stations, -1),
        "TIME": np.full(stations, middle),
        "INTERVAL": np.full(stations, last - first + made.interval), "POSITION": np.zeros((stations, 3)),
        "BEAM_OFFSET": np.zeros((stations, 2, 2)), "RECEPTOR_ANGLE": np.zeros((stations, 2)),
        "POL_RESPONSE": np.tile(np.eye(2, dtype=np.complex64), (stations, 1, 1)),
    })  # fmt: skip
    feeds = tables.table(f"{path}::FEED", readonly=False, ack=False)
    feeds.putcol("POLARIZATION_TYPE", {"shape": [stations, 2], "array": ["X", "Y"] * stations})
    feeds.close()


def _fill(tables: Any, path: str, name: str, rows: int, columns: dict[str, Any]) -> None:
    table = tables.table(f"{path}::{name}", readonly=False, ack=False)
    try:
        table.addrows(rows)
        for column, values in columns.items():
            table.putcol(column, values)
    finally:
        table.close()


FORMATS: dict[str, Callable[[Visibilities, Path], None]] = {
    ".npz": _write_npz,
    ".uvh5": _write_uvh5,
    ".uvfits": _write_uvfits,
    ".ms": _write_ms,
}
