"""Hyperprior family, ELIC and QH-VAE: streams, damage, exactness of what feeds probabilities, sizes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("constriction")

import torch

import astrocodec
import astrocodec.codecs
from astrocodec.errors import FormatError, ModelNotFoundError
from astrocodec.lossy import (
    elic_network,
    elic_tiles,
    hyperprior_network,
    hyperprior_weights,
    qhvae_network,
    qhvae_tiles,
)
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import pack_floats, unpack_floats
from astrocodec.lossy.mixed_tables import FAMILIES, MIXED
from astrocodec.lossy.picture_codec import PictureCodec
from astrocodec.lossy.transforms import Lapped
from astrocodec.lossy.weights import FOLDER, load_weights
from astrocodec.stages.stream import OF_BYTES, Header, read_header, seal

KINDS = {"hyperprior": hyperprior_network.KINDS, "elic": ("groups",), "qhvae": ("hierarchy",)}
ALL = [(name, kind) for name, kinds in KINDS.items() for kind in kinds]
TINY: dict[str, Callable[[], tuple[Any, Any]]] = {
    "hyperprior": lambda: (
        hyperprior_network.HyperpriorNetwork(hyperprior_network.Size(8, 12, 6)),
        hyperprior_weights.save,
    ),
    "elic": lambda: (elic_network.ElicNetwork(elic_network.Size(8, (2, 4, 6), 6)), elic_tiles.save),
    "qhvae": lambda: (
        qhvae_network.QhvaeNetwork(qhvae_network.Size(8, 8, ((4,), (4, 4), (12,)), chessboard=True)),
        qhvae_tiles.save,
    ),
}
SHIPPED = {name: next(FOLDER.glob(f"{name}-*.safetensors")) for name in TINY}


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Networks that learned nothing, small ones, where streams find them."""
    folder = tmp_path_factory.mktemp("weights")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASTROCODEC_MODELS", str(folder))
        made = {}
        for name, make in TINY.items():
            torch.manual_seed(4)
            network, save = make()
            made[name] = save(network, folder)
        yield made
    torch.set_num_threads(threads)


def picture(shape: tuple[int, ...], seed: int = 1) -> NDArray[np.uint16]:
    """Waves and noise of 16 bits."""
    rng = np.random.default_rng(seed)
    y, x = (np.arange(side) for side in (1, 1, *shape)[-2:])
    waves = 8000 * np.sin(x / 9) * np.cos(y / 7)[:, None] + 20000
    return np.rint(waves + rng.normal(0, 900, (*shape[:-2], *waves.shape))).astype(np.uint16).reshape(shape)


@pytest.mark.parametrize(("name", "kind"), [(name, kinds[-1]) for name, kinds in KINDS.items()])
def test_nothing_changes_the_bytes(name: str, kind: str, weights: dict[str, Path]) -> None:
    """Threads, oneDNN, what else is coded in the same call; and each decodes under every other."""
    values, options = picture((2, 64, 66)), {"codec": name, "kind": kind, "quality": 6, "weights": weights[name]}
    stream = astrocodec.encode(values, **options, tile=64)
    decoded = astrocodec.decode(stream)
    assert (decoded.dtype, decoded.shape) == (values.dtype, values.shape)
    assert astrocodec.inspect(stream).parameters["kind"] == kind
    try:
        for threads, onednn in ((2, True), (1, False)):
            torch.set_num_threads(threads)
            torch.backends.mkldnn.set_flags(onednn)
            assert astrocodec.encode(values, **options, tile=64) == stream
            assert np.abs(astrocodec.decode(stream).astype(int) - decoded).max() <= 1
    finally:
        torch.set_num_threads(1)
        torch.backends.mkldnn.set_flags(True)
    alone = astrocodec.decode(astrocodec.encode(values[1], **options, tile=64))
    assert np.array_equal(alone, decoded[1])


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_size_is_within_a_percent_of_the_likelihood(
    name: str, kind: str, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tables say that the symbols cost, and what the normal distributions themselves say."""
    tables_say = distributions_say = 0.0
    whole = Exchange.symbols

    def listen(self: Exchange, wanted: Any, numbers: Any, tables: Any) -> Any:
        nonlocal tables_say, distributions_say
        found = whole(self, wanted, numbers, tables)
        for number in np.unique(numbers):
            first, frequencies = tables.table(int(number))
            symbols, counts = np.unique(found[numbers == number], return_counts=True)
            inside = (symbols >= first) & (symbols < first + len(frequencies) - 1)
            far = np.where(symbols < 0, -2 * symbols, 2 * symbols + 1)[~inside]
            escaped = float(((16 + 6 + np.floor(np.log2(far))) * counts[~inside]).sum())
            cost = 24 - np.log2(frequencies[symbols[inside] - first])
            tables_say += float((cost * counts[inside]).sum()) + escaped
            if tables is MIXED:
                family, scale = divmod(int(number), 80)
                at = torch.from_numpy(symbols[inside].astype(float)).abs()
                mass = torch.zeros_like(at)
                for by, part in FAMILIES[family]:
                    sigma = torch.tensor(2.0 ** ((min(max(scale + by, 0), 79) - 19) / 6), dtype=torch.float64)
                    normal = torch.distributions.Normal(0.0, sigma)
                    mass += part / 8 * (normal.cdf(0.5 - at) - normal.cdf(-0.5 - at))
                cost = -np.log2(mass.clamp(min=2.0**-24).numpy())
            distributions_say += float((cost * counts[inside]).sum()) + escaped
        return found

    monkeypatch.setattr(Exchange, "symbols", listen)
    codec = astrocodec.codecs.find_codec(name)
    _, data = codec.encode(picture((96, 96)), kind=kind, quality=7, weights=weights[name])
    assert 8 * len(data) < 1.01 * tables_say + 250
    assert 8 * len(data) < 1.01 * distributions_say + 250


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("u2", (1, 1)),
        ("f4", (3,)),
        ("i2", ()),
        ("f8", (0, 5)),
        ("c8", (2, 9, 11)),
        ("u1", (2, 3, 10, 7)),
        ("f2", (65, 3)),
    ],
)
def test_dtypes_and_shapes(name: str, dtype: str, shape: tuple[int, ...], weights: dict[str, Path]) -> None:
    """Whatever holds pictures comes back in its own dtype and shape, within its own range."""
    values = np.random.default_rng(3).normal(60, 9, shape).astype(dtype)
    decoded = astrocodec.decode(astrocodec.encode(values, codec=name, quality=7, weights=weights[name]))
    assert (decoded.dtype, decoded.shape) == (values.dtype, values.shape)
    if values.size and values.dtype.kind != "c":
        assert values.min() <= decoded.min() <= decoded.max() <= values.max()


@pytest.mark.parametrize("value", [0, -32768, 32767])
def test_pictures_of_one_value_are_exact(value: int, weights: dict[str, Path]) -> None:
    """They have no range to code in."""
    values = np.full((3, 40, 50), value, np.int16)
    values[1, 3, 4] = 7
    stream = astrocodec.encode(values, codec="elic", stretch="asinh", weights=weights["elic"])
    decoded = astrocodec.decode(stream)
    assert np.array_equal(decoded[::2], values[::2])


def test_two_channels_are_one_picture(weights: dict[str, Path]) -> None:
    """Of an axis of two, and of complex numbers, which are the same two."""
    both = picture((3, 2, 64, 64)).astype("f4")
    options = {"codec": "hyperprior", "quality": 5, "weights": weights["hyperprior"], "kind": "mean-scale"}
    decoded = astrocodec.decode(astrocodec.encode(both, channels=2, **options))
    same = astrocodec.decode(astrocodec.encode((both[:, 0] + 1j * both[:, 1]).astype("c8"), **options))
    assert np.array_equal(decoded[:, 0], same.real)
    assert np.array_equal(decoded[:, 1], same.imag)


@pytest.mark.parametrize(
    ("values", "options", "error", "text"),
    [
        (np.array([[1.0, np.nan]]), {}, ValueError, "1 values that are not finite"),
        (np.array([[1.0, np.inf * 1j]]), {}, ValueError, "not finite"),
        (np.zeros((2, 2), bool), {}, TypeError, "dtype bool"),
        (np.zeros((2, 2), "i8"), {}, TypeError, "dtype int64"),
        (np.array([[-1e308, 1.7e308]]), {}, ValueError, "more than a double holds"),
        (np.zeros((2, 2)), {"quality": 8}, ValueError, "quality is 8"),
        (np.zeros((2, 2)), {"stretch": "log"}, ValueError, "stretch is 'log'"),
        (np.zeros((2, 2)), {"tile": 100}, ValueError, "tile is 100"),
        (np.zeros((3, 2, 2)), {"channels": 2}, ValueError, "need an axis of length 2"),
        (np.zeros((2, 2)), {"kind": "other"}, ValueError, "kind 'other'"),
        (np.zeros((2, 2)), {"weights": "elic-00000000"}, ModelNotFoundError, "elic-00000000"),
        (np.zeros((2, 2)), {"level": 3}, TypeError, "level"),
    ],
)
def test_what_is_refused(
    values: NDArray[Any], options: dict[str, Any], error: type[Exception], text: str, weights: dict[str, Path]
) -> None:
    """With what was found and what is allowed."""
    with pytest.raises(error, match=text):
        astrocodec.encode(values, codec="elic", **{"weights": weights["elic"], **options})


@pytest.mark.parametrize("name", TINY)
def test_damage_under_a_right_checksum(name: str, weights: dict[str, Path]) -> None:
    """A `FormatError`, or a picture; nothing else, and no truncation passes."""
    stream = astrocodec.encode(picture((40, 70)), codec=name, quality=3, tile=64, weights=weights[name])
    header, at = read_header(memoryview(stream))
    data, rng = stream[at:-4], np.random.default_rng(2)
    refused = 0
    for _ in range(12):
        damaged, parameters = bytearray(data), bytearray(header.parameters)
        where = rng.integers(len(damaged) + 12)
        if where < len(damaged):
            damaged[where] ^= 1 << rng.integers(8)
        else:
            parameters[where - len(damaged)] ^= 1 << rng.integers(8)
        try:
            astrocodec.decode(resealed(header, bytes(parameters), bytes(damaged)))
        except (FormatError, ModelNotFoundError):
            refused += 1
    assert refused >= 11
    for length in range(0, len(data), 17):
        with pytest.raises(FormatError):
            astrocodec.decode(resealed(header, header.parameters, data[:length]))
    with pytest.raises(FormatError, match="left behind"):
        astrocodec.decode(resealed(header, header.parameters, data + b"\0"))


def resealed(header: Header, parameters: bytes, data: bytes, shape: tuple[int, ...] | None = None) -> bytes:
    """A stream of other parameters or data with its checksum."""
    head = Header(header.codec, header.dtype, shape or header.shape, parameters, header.sections, OF_BYTES)
    return seal(head.to_bytes(), data)


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 40,), (1 << 20, 1 << 10, 1 << 10)])
def test_a_short_stream_takes_no_memory(shape: tuple[int, ...], weights: dict[str, Path]) -> None:
    """Of a shape of 2^40 pixels."""
    stream = astrocodec.encode(picture((40, 70)), codec="qhvae", weights=weights["qhvae"])
    header, at = read_header(memoryview(stream))
    with pytest.raises(FormatError, match=r"are there|found for"):
        astrocodec.decode(resealed(header, header.parameters, stream[at:-4], shape))


@pytest.mark.parametrize(
    "make",
    [
        lambda: hyperprior_network.HyperpriorNetwork(hyperprior_network.SIZES["published-low"]),
        lambda: elic_network.ElicNetwork(elic_network.SIZES["published"]),
        lambda: qhvae_network.QhvaeNetwork(qhvae_network.SIZES["published"]),
    ],
    ids=["hyperprior", "elic", "qhvae"],
)
def test_published_sizes_learn_a_step(make: Callable[[], Any]) -> None:
    """Every weight gets a gradient."""
    torch.manual_seed(1)
    network = make()
    x, level = torch.rand(1, 1, 64, 64), torch.tensor([3])
    if isinstance(network, hyperprior_network.HyperpriorNetwork):
        made, by_kind = network(x, level, "joint")
        bits = sum(by_kind.values())
    else:
        made, bits = network(x, level)
    assert made.shape == x.shape
    (100 * (made - x).square().mean() + bits.mean() / 4096).backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None and ".2." not in name]
    assert not [name for name in silent if "lapped" not in name and ".1.weight" not in name], silent


def test_the_largest_size_takes_a_step_without_memory() -> None:
    """That of high rates, all kinds; of the two pairs of first and last layers, the other waits for two channels."""
    with torch.device("meta"):
        network = hyperprior_network.HyperpriorNetwork(hyperprior_network.SIZES["published-high"])
        made, bits = network(torch.zeros(1, 1, 64, 64), torch.tensor([3]), "joint")
    (made.sum() + sum(bits.values()).sum()).backward()  # type: ignore[union-attr]
    silent = [name for name, p in network.named_parameters() if p.grad is None]
    assert made.shape == (1, 1, 64, 64)
    assert silent
    assert all(name.startswith(("transforms.first.2.", "transforms.last.2.")) for name in silent)


def test_a_mean_leaks_into_no_other_latent() -> None:
    """Kernels of a lapped transform are cosines and a little more, of which eight bits are enough."""
    torch.manual_seed(3)
    before, after = Lapped(2, 80), Lapped(2, 80)
    with torch.no_grad():
        before.change.normal_(0, 0.003)
    packed = pack_floats(before, "lapped")
    assert packed["lapped.change"].dtype == np.int8
    unpack_floats(after, packed, "lapped")
    flat = torch.full((1, 2, 64, 64), 0.5)
    with torch.no_grad():
        whole, kept = before(flat)[..., 2:-2, 2:-2], after(flat)[..., 2:-2, 2:-2]
        kernels = (before.basis + before.change).flatten(1)
        step = kernels.abs().amax(1, keepdim=True) / 127
        rounded = (kernels / step).round() * step
        leak = (0.5 * (rounded - kernels).sum(1)).abs().max()
    assert (whole - kept).abs().max() < leak / 4


def test_coarse_latents_tell_fine_ones_the_mean() -> None:
    """Of a picture without structure, from grid to grid, before anything was learned."""
    torch.manual_seed(3)
    network = qhvae_network.QhvaeNetwork(replace(qhvae_network.SIZES["small"], chessboard=False))
    flat, level = torch.full((1, 1, 128, 128), 0.9), torch.tensor([5])
    with torch.no_grad():
        _, bits = network(flat, level)
        for layer in network.prior.bases:
            layer.conv.weight.zero_()  # type: ignore[union-attr, operator]
        _, without = network(flat, level)
    assert bits < 0.9 * without


def test_qhvae_goes_on_from_a_file(weights: dict[str, Path], tmp_path: Path) -> None:
    """With the same whole numbers; a chessboard that the file has not begins as if it were not there."""
    tensors = load_weights(weights["qhvae"]).tensors
    network = TINY["qhvae"]()[0]
    qhvae_tiles.begin(network, tensors)
    again = load_weights(qhvae_tiles.save(network, tmp_path)).tensors
    assert all(np.array_equal(again[name], tensor) for name, tensor in tensors.items() if name.startswith("prior."))
    plain = qhvae_network.QhvaeNetwork(replace(network.size, chessboard=False))
    qhvae_tiles.begin(plain, tensors)
    torch.nn.init.zeros_(network.prior.joined[-1].conv.weight)
    torch.nn.init.zeros_(network.prior.joined[-1].conv.bias)
    found = []
    for one in (network, plain):
        torch.manual_seed(1)
        found.append(one(torch.full((1, 1, 64, 64), 0.3), torch.tensor([3]))[1])
    assert torch.equal(*found)


def test_codecs_are_what_the_registry_says() -> None:
    """Ids, names, kinds."""
    for number, name in ((67, "hyperprior"), (68, "elic"), (69, "qhvae")):
        codec = astrocodec.codecs.find_codec(number)
        assert isinstance(codec, PictureCodec)
        assert (codec.id, codec.name, codec.exact) == (number, name, False)
        assert astrocodec.codecs.list_codecs()[name] is False


@pytest.mark.parametrize(
    ("name", "kind", "stream", "middle"),
    [
        (
            "hyperprior",
            "factorized",
            "ac0d014382022830ff11b4052442f65a3ae300020001086911660500000000809bc54000000000c0b3dc4068358fc05bd8ee"
            "8f62d5dc1672fa55f98fd164ed0c403ce5193abcfb7f757a6ecdffeeae051571f8be973a954f5ed1b77bea81796e60d37d3b"
            "e38fb5639572010155f85de80383eb1bba93ef23253900bd52016860c81319e1451698190128a30c35346d0502000000fb7d"
            "e6fd",
            [13374, 13070, 12831, 12618, 12514, 12429],
        ),
        (
            "hyperprior",
            "mean-scale",
            "ac0d014382022830ff11b4052442f65a3ae302020001081fa2e1bf00000000809bc54000000000c0b3dc4084013f7150cae5"
            "a7d2dfa1a68638522b4db96c1c25c3d20ff14f094de6837d9c6c4eff63fddf82f3c603342c8dc7d50fc9f6eb88b905c19c4e"
            "75fd76106bd440ff4b1ba5f434cee724e3e5571096c394e333fa7742dc4a18c5bf9c7de1f242d80028f4feff5414edeae8a9"
            "92e7fb7900688e46e603d50e5314104982b4ec9b46ab1a810000001e42b1dc",
            [13544, 13057, 12946, 12473, 12534, 12346],
        ),
        (
            "hyperprior",
            "joint",
            "ac0d014382022830ff11b4052442f65a3ae30302000108a940a9dd00000000809bc54000000000c0b3dc408001992bb9d084"
            "3121c8cfcb32080e047821c0b2bdea31a31794c2ff183f85ebbccbb6d4ab5c8553dbdcc551a5e522eb9142731399c1bc5a71"
            "dddb702b3f8b886fc38dc34c7d811e8ad7acba288bac1a9150d0601d4f47af98e6334cad084708ecd57cc28ba6c2feff3df7"
            "9e093ac5785706149c3a6cd20881c357ffbca8d937410075649971",
            [13386, 12991, 12866, 12702, 12380, 12364],
        ),
        (
            "elic",
            "groups",
            "ac0d014482022830ff1199ecb269c732b190000200010812556e0c00000000809bc54000000000c0b3dc4094011fd4be0a6c"
            "dba59f5c10a772883b240f039a53cde5fd6b649d9c2150e228c06025d87519d7aabb51ba7cb56e25357bd0072f9e4a6e10eb"
            "362a73a523384c9f157883f670ed5b24832f462f5ff7c9917a2049b90f8ef4ffdc37ac03249a0000cd1f8f0c6dfb3c7ff8d2"
            "4667cecf5de303b13a231bf2c57a6cab90dbfbad8bff76325408971badffa291fccdb71412bc369405acd493e5b34f",
            [12968, 12668, 12688, 12812, 12906, 12956],
        ),
        (
            "qhvae",
            "hierarchy",
            "ac0d014582022830ff11f3b24f75b58a5495000200010857cf8a2600000000809bc54000000000c0b3dc40a4014e716ac99e"
            "f941a2c0d612e395b28c187fde1b463925c41431d39cd57d12b09ac11efdb22cb6243d93b67f1e537465d1e270b2355add80"
            "2126c19b550b984bcc62f2b2fc0fd090c2525594877d0791257d387e1433abb7c3917adfe0e1ce6a79b0ebbb2bc150f2047a"
            "9e5628df53faa4de548985327537745fed883c491f8e7ae7fe251b08e18637330125ea9ff205f31b8f0b2c9500008c3b8794"
            "5e1088f432190f0000ec554f48",
            [13324, 12977, 13013, 12702, 12421, 12384],
        ),
    ],
)
def test_streams_of_shipped_weights_are_read_everywhere(name: str, kind: str, stream: str, middle: list[int]) -> None:
    """The checksum of the symbols says that what feeds probabilities is the same here."""
    decoded = astrocodec.decode(bytes.fromhex(stream))
    assert np.abs(decoded[20, 10:16].astype(int) - middle).max() <= 1
    assert astrocodec.inspect(bytes.fromhex(stream)).parameters["kind"] == kind


@pytest.mark.parametrize("name", TINY)
def test_more_bits_are_less_error(name: str) -> None:
    """With the shipped weights, from quality to quality."""
    values = picture((96, 96), 5)
    found = []
    for quality in (1, 4, 7):
        stream = astrocodec.encode(values, codec=name, quality=quality, weights=SHIPPED[name])
        found.append((len(stream), float(((astrocodec.decode(stream).astype(float) - values) ** 2).mean())))
    sizes, errors = zip(*found, strict=True)
    assert list(sizes) == sorted(sizes)
    assert list(errors) == sorted(errors, reverse=True)
