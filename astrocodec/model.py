"""provisional"""
from dataclasses import dataclass
@dataclass(frozen=True)
class Model:
    blob: bytes = b""
    name: str = "default"
    @property
    def is_shipped(self): return not self.blob
    @property
    def fingerprint(self):
        import hashlib
        return hashlib.sha256(self.blob).hexdigest()[:16]
    def to_bytes(self): return self.blob
    def save(self, path): open(path,"wb").write(self.blob)
    def delta(self): return self.blob
    @classmethod
    def from_delta(cls,b): return cls(bytes(b),"tuned")
def load_model(x="default"):
    if isinstance(x,Model): return x
    if x=="default": return Model()
    if isinstance(x,(bytes,bytearray)): return Model(bytes(x),"tuned")
    from pathlib import Path
    from astrocodec.errors import ModelNotFoundError
    if not Path(x).exists(): raise ModelNotFoundError(f"no model {x!r}")
    return Model(Path(x).read_bytes(),str(x))
def list_models(): return ["default"]
