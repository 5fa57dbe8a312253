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


class NativeLibraryError(AstrocodecError, ImportError):
    """The native library is missing, stale or of another version."""
