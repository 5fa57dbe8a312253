"""Learned compression for astronomy."""

from astrocodec.codec import StreamInfo, decode, encode, inspect
from astrocodec.model import Model, list_models, load_model
from astrocodec.tuning import tune

__all__ = ["Model", "StreamInfo", "decode", "encode", "inspect", "list_models", "load_model", "tune"]
