"""Exceptions of astrocodec, and what the native library's status codes mean."""


class AstrocodecError(Exception):
    """Parent of every error that astrocodec raises about data it was given."""


class FormatError(AstrocodecError, ValueError):
    """A stream, model or file does not follow its format."""


class TruncatedError(FormatError):
    """A stream ends before its last byte."""


class CorruptError(FormatError):
    """A stream's bytes contradict each other or its checksum."""


class VersionError(FormatError):
    """A stream needs a newer astrocodec."""


class ModelNotFoundError(AstrocodecError, LookupError):
    """A stream names a model that is not installed here."""


class ReferenceNotFoundError(FormatError, LookupError):
    """A stream needs an array beside it, its reference, that was not given, or another array was given."""


class CodecNotFoundError(AstrocodecError, LookupError):
    """A stream was written by a codec that is not installed here."""


class OptionError(ValueError):
    """Options that do not go with each other, or with the model or codec that was chosen."""


class DifferenceError(AstrocodecError):
    """
    Two files that must hold the same do not: the new file is not kept, and the old one is not touched.

    Where a compressed file is compared with its original, either may have changed; damaged bytes are a `CorruptError`.
    """


class NativeLibraryError(AstrocodecError, ImportError):
    """The native library is missing, stale or of another version."""
