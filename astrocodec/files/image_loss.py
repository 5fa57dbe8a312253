"""What an image or dataset has lost, put together from what its tiles or chunks say."""

from __future__ import annotations

from collections.abc import Iterable

from astrocodec.files.file_report import ImageLoss
from astrocodec.stages.loss import Loss

__all__ = ["asked_words", "image_loss", "loss_words"]


def image_loss(tiles: Iterable[tuple[Loss | None, int]], scale: float, asked: str = "") -> ImageLoss | None:
    """
    Put together what tiles of so many pixels say in stored numbers; None where none lost anything.

    Parameters
    ----------
    tiles : iterable of (Loss or None, int)
    scale : float
        Of stored numbers, the size of BSCALE.
    asked : str, optional
        In the words of the options, in the image's unit; by default as tiles tell it.

    Examples
    --------
    >>> found = image_loss([(Loss("absolute", 3, 3, 2, 0, 1.5, 0.1, 0), 100), (None, 50)], 0.5)
    >>> found.asked, found.max_error, found.variance
    ('max_error 1.5', 1.5, 0.25)
    """
    tiles = list(tiles)
    lossy = [(loss, size) for loss, size in tiles if loss is not None]
    if not lossy:
        return None
    is_relative = lossy[0][0].kind == "relative"
    unit = 1.0 if is_relative else scale
    grown = [loss.noise_increase for loss, _ in lossy if loss.noise_increase is not None]
    squares = sum(loss.variance * size for loss, size in lossy)
    return ImageLoss(
        asked or loss_words(lossy[0][0], scale),
        is_relative,
        unit * max(loss.max_error for loss, _ in lossy),
        unit * max(loss.largest_error for loss, _ in lossy),
        scale**2 * squares / max(1, sum(size for _, size in tiles)),
        max(grown, default=None),
    )


def loss_words(loss: Loss, scale: float) -> str:
    """Say what was asked for, as the options take it; a number is in the unit of the image."""
    return asked_words(loss.kind, loss.asked * scale if loss.kind in ("absolute", "added") else loss.asked)


def asked_words(kind: str, value: float) -> str:
    """
    Say what a bound of a kind is, as the options take it.

    Examples
    --------
    >>> asked_words("increase", 0.01), asked_words("noise", 0.5)
    ('noise_increase 1%', 'max_error 0.5sigma')
    """
    share = f"{100 * value:.6g}%"
    if kind == "variance":
        return f"noise_increase {share} of its variance"
    if kind in ("increase", "added"):
        return f"noise_increase {share if kind == 'increase' else f'{value:.6g} adu'}"
    return f"max_error { ({'relative': share, 'noise': f'{value:.6g}sigma'}.get(kind, f'{value:.6g}')) }"
