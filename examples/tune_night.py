"""Fit one model to a few frames of a night, keep it in a file, and compress the whole night with it, without tuning."""

import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

import astrocodec
import fits_tiles
from astrocodec.simulate import simulate

with tempfile.TemporaryDirectory() as folder:
    night = Path(folder)
    paths = []
    for seed in range(4):
        frame = simulate("ccd", shape=(1024, 1088), seed=seed)
        paths.append(night / f"frame{seed}.fits")
        fits.PrimaryHDU(frame.data, frame.header()).writeto(paths[-1])

    some: list[np.ndarray] = [fits.getdata(path) for path in paths[:2]]
    astrocodec.tune(some, effort=4).save(night / "camera.acm")

    camera = astrocodec.load_model(night / "camera.acm")
    print(f"model {camera.fingerprint}, {(night / 'camera.acm').stat().st_size} bytes")
    for path in paths:
        general = fits_tiles.compress(path, None, tune=False).compressed_bytes  # None: measure only
        report = fits_tiles.compress(path, path.with_suffix(".ac.fits"), model=camera, tune=False)
        assert report.verified
        print(f"{path.name}: {general} bytes with the general model, {report.compressed_bytes} with the night's")
