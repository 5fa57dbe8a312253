"""Write, read, cut out of and update a compressed image with astropy alone; fits_tiles only has to be imported."""

import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

import fits_tiles
from astrocodec.simulate import simulate

frame = simulate("ccd", shape=(512, 544), seed=2)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "science.ac.fits"
    hdu = fits.CompImageHDU(frame.data, frame.header(), name="SCI", compression_type="ASTROCODEC_1")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    print(f"{frame.data.nbytes} bytes of pixels -> a file of {path.stat().st_size} bytes")

    with fits.open(path) as hdus:
        assert (hdus["SCI"].data == frame.data).all()
    with fits.open(path) as hdus:
        cutout = hdus["SCI"].section[100:110, 200:220]  # decodes only the tiles that it needs
        print(f"cut-out of shape {cutout.shape}, mean {cutout.mean():.1f} ADU")

    with fits.open(path, mode="update") as hdus:
        hdus["SCI"].data[0, 0] = 0
        hdus["SCI"].header["HISTORY"] = "first pixel set to 0"
    with fits.open(path) as hdus:
        assert hdus["SCI"].data[0, 0] == 0
        assert (hdus["SCI"].data[1:] == frame.data[1:]).all()

    # fits_tiles.CompImageHDU fits the model to the pixels, and keeps floats bit for bit.
    floats = (frame.data / np.float32(1.6)).astype(np.float32)
    lossless = Path(folder) / "floats.ac.fits"
    fits.HDUList([fits.PrimaryHDU(), fits_tiles.CompImageHDU(floats)]).writeto(lossless)
    assert (fits.getdata(lossless, 1) == floats).all()
    print(f"{floats.nbytes} bytes of floats -> a file of {lossless.stat().st_size} bytes, every bit kept")
