"""FITS files of denoised images, which say that they are: label, model, bias of fluxes, uncertainties beside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from astrocodec.codec import decode
from astrocodec.files.target import Target
from astrocodec.inspection import Buffer, inspect
from astrocodec.lossy.autoencoder import ID, LABEL, uncertainty_map

UNCERTAINTY = "UNCERTAINTY"  # name of the extension


def bias_cards(bias: Mapping[str, float | None]) -> list[tuple[str, Any, str]]:
    """Cards of a model's measured bias of fluxes, by ranges of the true flux in units of the noise.

    >>> [card[:2] for card in bias_cards({"0.3 to 1": -0.12, "30 to 1000": None})]
    [('ACSNR1', '0.3 to 1'), ('ACBIAS1', -0.12)]
    """
    cards: list[tuple[str, Any, str]] = []
    for number, (fluxes, value) in enumerate(bias.items(), 1):
        if value is not None:
            cards.append((f"ACSNR{number}", fluxes, "true flux in units of the noise"))
            cards.append((f"ACBIAS{number}", value, "measured bias of such fluxes, relative"))
    return cards


def write_denoised(
    stream: Buffer,
    path: str | Path,
    *,
    header: fits.Header | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> None:
    """Write the denoised images of a stream as a FITS file that nobody can take for the data.

    Parameters
    ----------
    stream : bytes-like
        Of codec autoencoder, with a residual or without; it may be cut behind its first layer.
    path : str or Path
        It appears when it is whole.
    header : astropy.io.fits.Header, optional
        Cards to keep, such as those of the original's coordinates and unit.
    overwrite : bool, optional
        Replace a file that is there.
    device : str, optional
        Where the network runs.

    Raises
    ------
    ValueError
        The stream is another codec's.
    FileExistsError
        The file is there, and `overwrite` is not asked for.
    FormatError
        The stream is damaged, or ends within its first layer.

    Notes
    -----
    The primary HDU is labelled by the cards ACLAYER and ACLABEL; ACMODEL names the weights, ACSNRn and ACBIASn tell
    what they do to fluxes (measured on simulated fields that they had not seen), ACNOISE the noise of the first plane.
    ACTHIN is how far latents were thinned to make room for a residual, 0 to 3: of 3 no bias was measured.
    The extension UNCERTAINTY has the standard deviations of errors in the unit of the image, float32; models that do
    not tell them have none.
    """
    info = inspect(stream)
    if info.codec_id != ID:
        raise ValueError(f"the stream is of codec {info.codec}, not of autoencoder ({ID})")
    said: Mapping[str, Any] = info.parameters
    image, error = decode(stream, layer="denoised", device=device), uncertainty_map(stream, device=device)
    first = fits.PrimaryHDU(image, header)
    first.header["ACLAYER"] = ("denoised", "layer of a learned stream")
    first.header["ACLABEL"] = (LABEL, "")
    first.header["ACMODEL"] = (said["model"], "weights of the network")
    first.header["ACNOISE"] = (float(said["noise"][0]), "noise of the first plane")
    first.header["ACTHIN"] = (said["thinned"], "how thin the base is; 3: no bias measured")
    first.header.extend(bias_cards(said.get("flux_bias_by_snr", {})))
    hdus = [first]
    if np.isfinite(error).all():
        hdus.append(fits.ImageHDU(error, name=UNCERTAINTY))
        hdus[1].header["ACLABEL"] = ("standard deviations of a denoised image", "")
        if "BUNIT" in first.header:
            hdus[1].header["BUNIT"] = first.header["BUNIT"]
    with Target(Path(path), overwrite=overwrite) as target:
        fits.HDUList(hdus).writeto(target.file, checksum=True)
        target.commit()
