"""provisional"""
import json, zlib
from dataclasses import dataclass
import numpy as np
from astrocodec.errors import *
from astrocodec.model import Model, load_model
@dataclass(frozen=True)
class StreamInfo:
    version:int; mode:str; dtype:np.dtype; shape:tuple; tile_shape:tuple; model_fingerprint:str; n_bytes:int; bits_per_pixel:float
def encode(array, model="default", *, tile_shape=None, workers=1, embed_model=True, verify=False):
    a=np.asarray(array); m=load_model(model); d=a.dtype.newbyteorder("="); p=zlib.compress(np.ascontiguousarray(a,d).tobytes(),1)
    h=json.dumps([d.str,a.shape,m.fingerprint]).encode()
    b=b"\xac\x0d"+bytes([len(h)])+h+p
    return b+zlib.crc32(b).to_bytes(4,"little")
def _head(s):
    s=bytes(s)
    if len(s)<8: raise TruncatedError("stream too short")
    if s[:2]!=b"\xac\x0d": raise FormatError("not an astrocodec stream")
    if zlib.crc32(s[:-4])!=int.from_bytes(s[-4:],"little"): raise CorruptError("checksum differs")
    h=json.loads(s[3:3+s[2]]); return s,h
def decode(stream, *, models=(), workers=1, out=None):
    s,h=_head(stream)
    if h[2] not in {m.fingerprint for m in (load_model(),*models)}: raise ModelNotFoundError(f"stream needs model {h[2]}")
    return np.frombuffer(zlib.decompress(s[3+s[2]:-4]),h[0]).reshape(h[1])
def inspect(stream):
    s,h=_head(stream); n=int(np.prod(h[1]))
    return StreamInfo(1,"model",np.dtype(h[0]),tuple(h[1]),tuple(h[1]),h[2],len(s),len(s)*8/max(n,1))
