"""Codecs of other packages: found, used, missed by name."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import astrocodec
from astrocodec import codecs
from astrocodec.bounds import Bound
from astrocodec.errors import CodecNotFoundError, CorruptError, FormatError, OptionError
from astrocodec.stages.stream import NAME, Header, Section

PACKAGE = Path(__file__).parents[2] / "examples" / "codec_package"
PLANES = EntryPoint("planes", "astrocodec_planes:Planes", codecs.GROUP)
ROUNDED = EntryPoint("rounded", "astrocodec_planes:Rounded", codecs.GROUP)
SMALL_TYPES = [*"bBhHiIlLefdFD?"]


@pytest.fixture(autouse=True)
def no_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any, whatever is installed."""
    monkeypatch.setattr(codecs, "_registered", {})
    monkeypatch.setattr(codecs, "_is_here", lambda module: False)
    install(monkeypatch)


def install(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    """Pretend that packages with these entry points are installed."""
    monkeypatch.setattr(codecs, "_installed", lambda: entries)


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the example package."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    install(monkeypatch, PLANES, ROUNDED)
    yield
    sys.modules.pop("astrocodec_planes", None)


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize("kind", SMALL_TYPES)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (0, 3), (3, 0), (4, 5), (2, 3, 4)])
def test_exact_codec_gives_every_bit_back(kind: str, shape: tuple[int, ...]) -> None:
    """Whatever dtype and shape."""
    count = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.random.default_rng(3).integers(0, 2 if kind == "?" else 256, count, np.uint8)
    values = raw.view(kind).reshape(shape)
    again = astrocodec.decode(astrocodec.encode(values, codec="planes", verify=True))
    assert (again.dtype, again.shape, again.tobytes()) == (values.dtype, values.shape, values.tobytes())


@pytest.mark.usefixtures("template")
def test_stream_tells_of_its_codec() -> None:
    """What `inspect` knows with the codec at hand."""
    info = astrocodec.inspect(astrocodec.encode(np.arange(12, dtype="f4").reshape(3, 4), codec="rounded", step=0.5))
    assert (info.codec, info.codec_id, info.exact, info.checksum) == ("rounded", 193, False, "bytes")
    assert (info.dtype, info.shape, info.parameters) == (np.dtype("f4"), (3, 4), {"step": 0.5})
    ours = {"causal": True, "visibility": True, "flags": True}
    assert codecs.list_codecs() == ours | {"planes": True, "rounded": False}


@pytest.mark.usefixtures("template")
def test_codec_that_rounds_is_held_to_its_bytes() -> None:
    """Its elements are others than those encoded, and every changed byte is found all the same."""
    values = np.random.default_rng(1).normal(100, 5, (16, 16)).astype("f4")
    stream = astrocodec.encode(values, codec="rounded", step=0.25, verify=True)
    decoded = astrocodec.decode(stream)
    assert 0 < np.abs(decoded - values).max() <= 0.125
    out = np.empty((16, 16), ">f4")
    assert astrocodec.decode(stream, out=out) is out
    assert (out == decoded).all()
    for at in range(len(stream)):
        with pytest.raises((FormatError, CodecNotFoundError)):
            astrocodec.decode(stream[:at] + bytes([stream[at] ^ 0x10]) + stream[at + 1 :])


@pytest.mark.usefixtures("template")
def test_changed_bytes_of_an_exact_codec_are_found() -> None:
    """By the checksum of what it decodes to; bzip2 has some bits that do not matter."""
    values = np.arange(400, dtype="u2").reshape(20, 20)
    stream = astrocodec.encode(values, codec="planes")
    found = 0
    for at in range(len(stream)):
        try:
            again = astrocodec.decode(stream[:at] + bytes([stream[at] ^ 0x10]) + stream[at + 1 :])
            assert (again == values).all()
        except (FormatError, CodecNotFoundError):
            found += 1
    assert found > 0.9 * len(stream)


def test_missing_codec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to install, while `inspect` still tells all of the header."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    install(monkeypatch, PLANES)
    stream = astrocodec.encode(np.zeros((8, 9), "i2"), codec="planes")
    monkeypatch.setattr(codecs, "_registered", {})
    install(monkeypatch)
    with pytest.raises(CodecNotFoundError, match=r"'planes' \(id 192\).*pip install astrocodec-planes"):
        astrocodec.decode(stream)
    info = astrocodec.inspect(stream)
    assert (info.codec, info.codec_id, info.dtype, info.shape) == ("planes", 192, np.dtype("i2"), (8, 9))
    assert [section.name for section in info.sections] == ["name", "codec"]
    with pytest.raises(CodecNotFoundError, match=r"'planes' is not installed; here are .*causal"):
        astrocodec.encode(np.zeros((8, 9), "i2"), codec="planes")


def test_package_that_does_not_import_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named where its codec may be the one that is missing."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    install(monkeypatch, EntryPoint("broken", "no_such_module:Codec", codecs.GROUP), PLANES)
    stream = astrocodec.encode(np.zeros((8, 9), "i2"), codec="planes")
    assert astrocodec.decode(stream).shape == (8, 9)
    with pytest.raises(CodecNotFoundError, match=r"broken .no_such_module:Codec. cannot be used: No module"):
        codecs.find_codec("broken")
    assert "broken" not in codecs.list_codecs()


def test_entry_points_that_contend_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of one name, and one that is called otherwise than its codec."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    wrong, second = (EntryPoint(name, "astrocodec_planes:Rounded", codecs.GROUP) for name in ("wrong", "planes"))
    install(monkeypatch, PLANES, second, wrong)
    stream = astrocodec.encode(np.zeros((8, 9), "i2"), codec="planes")
    assert astrocodec.decode(stream).shape == (8, 9)
    with pytest.raises(CodecNotFoundError, match=r"here are .*causal, .*planes, .*rounded.*; .*called 'rounded'"):
        codecs.find_codec("wrong")


def made(**changes: Any) -> Any:
    """A codec that does nothing right but its attributes."""
    values: dict[str, Any] = {"id": 200, "name": "made", "exact": True, "install": "make"}
    methods = {name: staticmethod(lambda *a, **k: None) for name in ("encode", "decode", "inspect")}
    return type("Made", (), {**values, **methods, **changes})()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *[({"id": number}, "192 to 255") for number in (1, 256)],
        *[({"name": name}, "a name of printable characters") for name in ("", "causal", "stored", "a\nb", "\u202eb")],
        ({"install": "x" * 300}, "at most 255"),
        ({"install": "a\nb"}, "one line of what to install"),
    ],
)
def test_codecs_that_streams_cannot_name_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        codecs.register(made(**changes))


@pytest.mark.parametrize("changes", [{"id": 200.0}, {"id": True}, {"name": b"a"}, {"install": None}, {"exact": 1}])
def test_attributes_of_other_types_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="expected"):
        codecs.register(made(**changes))
    with pytest.raises(TypeError, match="is a class"):
        codecs.register(type(made()))  # type: ignore[arg-type]


def test_two_codecs_of_one_name_or_assigned_id_are_refused() -> None:
    """Neither wins in silence."""
    codecs.register(made(id=40))
    for changes in ({"name": "other", "id": 40}, {"id": 201}):
        with pytest.raises(ValueError, match="registered already"):
            codecs.register(made(**changes))


def test_streams_of_one_private_id_are_told_apart_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody assigns these ids, so two packages may have the same; the wrong one would give wrong elements."""
    streams = {}
    for name, value in (("ones", 1), ("twos", 2)):
        codecs.register(
            made(
                name=name,
                exact=False,
                encode=staticmethod(lambda values: (b"", b"")),
                decode=staticmethod(lambda p, d, dtype, shape, device, value=value: np.full(shape, value, dtype)),
            )
        )
        streams[name] = astrocodec.encode(np.zeros(3), codec=name)
    assert [astrocodec.decode(stream)[0] for stream in streams.values()] == [1, 2]
    with pytest.raises(CodecNotFoundError, match="codec 200 is ones and twos here"):
        codecs.find_codec(200)
    monkeypatch.delitem(codecs._registered, "ones")
    with pytest.raises(CodecNotFoundError, match=r"'ones' \(id 200\) is needed"):
        astrocodec.decode(streams["ones"])


def test_a_codec_cannot_write_into_the_array_it_is_given() -> None:
    """Or the comparison would be with what it left."""
    codecs.register(made(encode=staticmethod(lambda values: (b"", bytes(values.fill(0) or b"")))))
    frame = np.arange(5.0)
    with pytest.raises(ValueError, match="read-only"):
        astrocodec.encode(frame, codec="made", verify=True)
    assert frame[4] == 4


def test_a_name_that_anybody_may_have_written_is_fit_to_be_printed() -> None:
    """In `inspect` and in messages."""
    stream = Header(200, np.dtype("f8"), (3,), b"", (Section(NAME, "\x1b[31m\u202eré".encode()),)).to_bytes() + bytes(4)
    assert astrocodec.inspect(stream).codec == "?[31m?ré"
    with pytest.raises(CodecNotFoundError, match=r"'\?\[31m\?ré' \(id 200\)"):
        astrocodec.decode(stream)


@pytest.mark.parametrize("given", [np.zeros((3, 3), "u1"), np.zeros((2, 2), "f4")])
def test_codec_that_gives_another_array_is_caught(given: np.ndarray) -> None:
    """Whatever its package says it gives."""
    codecs.register(made(encode=staticmethod(lambda values: (b"", b"")), decode=staticmethod(lambda *a, **k: given)))
    stream = astrocodec.encode(np.zeros((2, 2), "u1"), codec="made")
    with pytest.raises(CorruptError, match="codec made: gave"):
        astrocodec.decode(stream)


def test_parameters_that_a_codec_cannot_tell_hide_nothing_else() -> None:
    """They may be damaged; `inspect` tells the rest."""
    codecs.register(
        made(encode=staticmethod(lambda values: (b"", b"")), inspect=staticmethod(lambda parameters: parameters[5]))
    )
    found = astrocodec.inspect(astrocodec.encode(np.zeros((2, 2), "u1"), codec="made"))
    assert (found.codec, found.shape) == ("made", (2, 2))
    assert found.parameters == {"error": "IndexError: index out of range"}


def test_options_reach_the_codec_they_are_for() -> None:
    """The causal codec takes none that it does not know."""
    seen: dict[str, Any] = {}

    def encode(values: np.ndarray, **options: Any) -> tuple[bytes, bytes]:
        seen.update(options)
        return b"", b""

    codecs.register(made(encode=staticmethod(encode)))
    astrocodec.encode(np.zeros(3), codec="made", quality=3, model="some-model")
    assert seen == {"quality": 3, "model": "some-model"}
    seen.clear()
    ours = {"piece_shape": (0, 0), "workers": -3, "embed_model": False, "self_contained": True, "thorough": True}
    astrocodec.encode(np.zeros(3), codec="made", **ours)
    assert seen == ours  # it may have such; one that has not refuses them
    with pytest.raises(TypeError, match="no option quality"):
        astrocodec.encode(np.zeros(3), quality=3)


@pytest.mark.parametrize("how", [{"max_error": "1sigma"}, {"noise_increase": 0.01}, {"bound": Bound(1)}])
def test_a_codec_without_bounds_says_so(how: dict[str, Any]) -> None:
    codecs.register(made(encode=staticmethod(lambda values, *, quality=3: (b"", b""))))
    with pytest.raises(TypeError, match="codec made keeps no bound: leave it out, or take codec 'causal'"):
        astrocodec.encode(np.zeros(3), codec="made", **how)
    with pytest.raises(TypeError, match="codec made has no option noise, workers: leave it out; allowed are quality"):
        astrocodec.encode(np.zeros(3), codec="made", quality=4, noise=np.ones(3), workers=2)


def test_a_codec_whose_inspect_fails_hides_no_header() -> None:
    """Nor does damage in parameters that it does not expect."""
    codecs.register(made(encode=staticmethod(lambda values: (b"", b"")), inspect=staticmethod(lambda p: p[3])))
    info = astrocodec.inspect(astrocodec.encode(np.zeros(3), codec="made"))
    assert (info.codec, info.shape, info.parameters) == ("made", (3,), {"error": "IndexError: index out of range"})


@pytest.mark.parametrize("key", [67, "hyperprior"])
def test_learned_codec_without_torch(monkeypatch: pytest.MonkeyPatch, key: int | str) -> None:
    """Its streams are recognised all the same, and the message says what to install."""
    monkeypatch.setattr(codecs, "_is_here", lambda module: module != "torch")
    with pytest.raises(
        CodecNotFoundError, match=r"'hyperprior' \(id 67\) needs torch.*pip install 'astrocodec\[torch\]'"
    ):
        codecs.find_codec(key)
    assert "hyperprior" not in codecs.list_codecs()


def test_learned_codec_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one of a package that is half installed."""
    monkeypatch.setattr(codecs, "_is_here", lambda module: True)
    monkeypatch.setattr(codecs, "OPTIONAL", ((67, "hyperprior", False, "astrocodec.lossy.nowhere:Hyperprior"),))
    with pytest.raises(CodecNotFoundError, match=r"'hyperprior'.*cannot be imported"):
        codecs.find_codec("hyperprior")


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize(("number", "name"), [(67, "planes"), (192, "elic")])
def test_ids_and_names_of_this_package_are_taken(number: int, name: str) -> None:
    """Whether or not torch is installed."""
    from astrocodec_planes import Planes

    other = Planes()
    other.id, other.name = number, name
    with pytest.raises(ValueError, match="is one of this package"):
        codecs.register(other)


def test_codecs_of_visibilities_are_encoded_with_by_name() -> None:
    """As by the functions that they have, options and refusals included; files are not compressed with them."""
    flags = np.arange(3 * 4 * 5 * 2).reshape(3, 4, 5, 2) % 7 == 0
    assert astrocodec.encode(flags, codec="flags", verify=True) == astrocodec.visibility.encode_flags(flags)
    rows = flags.reshape(12, 5, 2)
    assert astrocodec.encode(rows, codec="flags", baselines=4) == astrocodec.visibility.encode_flags(rows, baselines=4)
    vis = np.random.default_rng(1).normal(size=(4, 3, 32, 2)).view("c16").astype("c8")
    for options in ({}, {"noise_increase": "1%"}, {"noise_increase": "1%", "noise": np.ones(1)}):
        stream = astrocodec.encode(vis, codec="visibility", verify=True, **options)
        assert stream == astrocodec.visibility.encode(vis, **options)
    for given, codec, option in (
        (flags, "flags", {"thorough": True}),
        (flags, "flags", {"noise_increase": "1%"}),
        (vis, "visibility", {"max_error": 0.1}),
        (vis.real, "flags", {}),
        (vis.real, "visibility", {}),
    ):
        with pytest.raises(TypeError):
            astrocodec.encode(given, codec=codec, **option)
    with pytest.raises(TypeError, match="codec flags has no option flags: leave it out; allowed are baselines"):
        astrocodec.encode(flags, codec="flags", flags=flags)  # as the array is called there
    with pytest.raises(OptionError, match="vis-compress"):
        codecs.exact_codec("flags")
