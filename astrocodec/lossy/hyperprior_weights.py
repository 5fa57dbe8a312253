"""Weights of the hyperprior family as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.float_weights import pack_floats
from astrocodec.lossy.hyperprior_network import HYPER_REACH, MEAN_REACH, HyperpriorNetwork
from astrocodec.lossy.integer_network import MAX_ACTIVATION, ExactNetwork
from astrocodec.lossy.ragged_tables import pack_tables
from astrocodec.lossy.weights import save_weights

_HYPER_REACH = 127


def hyper_tensors(hyper: Any) -> dict[str, NDArray[Any]]:
    """What hyperlatents need."""
    found = pack_floats(hyper.analysis, "hyper.analysis")
    found |= pack_floats(hyper.skip, "hyper.skip")
    found |= ExactNetwork.of(hyper.synthesis, HYPER_REACH).tensors("hyper")
    found |= ExactNetwork.of([hyper.base], HYPER_REACH).tensors("base")
    ones = np.ones(hyper.density.mean.shape[0])
    return found | pack_tables(hyper.density.table_weights(ones, _HYPER_REACH), _HYPER_REACH, "z")


def tensors_of(network: HyperpriorNetwork) -> dict[str, NDArray[Any]]:
    """All of a network."""
    found = pack_floats(network.transforms, "transforms")
    kinds = network.size.kinds
    if set(kinds) - {"factorized"}:
        found |= hyper_tensors(network.hyper)
    if "scale" in kinds:
        found |= ExactNetwork.of([network.scale], MAX_ACTIVATION).tensors("scale")
    if "mean-scale" in kinds:
        found |= ExactNetwork.of([network.mean_scale], MAX_ACTIVATION).tensors("mean-scale")
    if "joint" in kinds:
        found |= ExactNetwork.of([network.context], MEAN_REACH).tensors("context")
        found |= ExactNetwork.of(network.joint, MAX_ACTIVATION).tensors("joint")
    return found


def save(network: HyperpriorNetwork, folder: Path) -> Path:
    """Write the weights into a folder, under their content's name."""
    return save_weights(tensors_of(network), {"size": network.size.about()}, "hyperprior", folder)
