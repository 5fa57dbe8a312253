"""The stages of the codec, one module each, written to be read: docs/format.md in code."""
