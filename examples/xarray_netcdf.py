"""xarray writes a compressed netCDF file through h5netcdf; netCDF4, with its own HDF5, reads it by the plugin path."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray

import hdf5_filter
from astrocodec.simulate import simulate

frames = np.stack([simulate("ccd", shape=(256, 272), seed=seed).data for seed in range(3)])
night = xarray.Dataset({"counts": (("time", "y", "x"), frames, {"units": "adu"})}, coords={"time": [0.0, 30.0, 60.0]})

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "night.nc"
    encoding = {"counts": {**hdf5_filter.AstroCodec.tuned(frames, effort=3), "chunksizes": (1, 256, 272)}}
    night.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    print(f"{frames.nbytes} bytes of pixels -> a file of {path.stat().st_size} bytes")

    with xarray.open_dataset(path, engine="h5netcdf") as again:
        assert (again["counts"].values == frames).all()

    program = f"""
import netCDF4
with netCDF4.Dataset({str(path)!r}) as file:
    print("netCDF4 read", file.variables["counts"][1].shape, file.variables["counts"].units)
"""
    environment = {**os.environ, "HDF5_PLUGIN_PATH": hdf5_filter.PLUGIN_PATH}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
