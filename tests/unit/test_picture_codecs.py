"""Hyperprior family, ELIC and QH-VAE: streams, damage, exactness of what feeds probabilities, sizes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("constriction")

import torch

import astrocodec
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
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.picture_codec import PictureCodec
from astrocodec.lossy.weights import FOLDER
from astrocodec.stages.stream import OF_BYTES, Header, read_header, seal

KINDS = {"hyperprior": hyperprior_network.KINDS, "elic": ("groups",), "qhvae": ("hierarchy",)}
ALL = [(name, kind) for name, kinds in KINDS.items() for kind in kinds]
TINY: dict[str, Callable[[], tuple[Any, Any]]] = {
    "hyperprior": lambda: (
        hyperprior_network.HyperpriorNetwork(hyperprior_network.Size(8, 12, 6)),
        hyperprior_weights.save,
    ),
    "elic": lambda: (elic_network.ElicNetwork(elic_network.Size(8, (2, 4, 6), 6)), elic_tiles.save),
    "qhvae": lambda: (qhvae_network.QhvaeNetwork(qhvae_network.Size(8, 8, ((4,), (4, 4), (12,)))), qhvae_tiles.save),
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
            if len(tables) == 80 * MEAN_UNIT:
                sigma = torch.tensor(2.0 ** ((number // MEAN_UNIT - 19) / 6), dtype=torch.float64)
                at = torch.from_numpy(symbols[inside].astype(float)).abs()
                normal = torch.distributions.Normal(0.0, sigma)
                mass = (normal.cdf(0.5 - at) - normal.cdf(-0.5 - at)).clamp(min=2.0**-24).numpy()
                cost = -np.log2(mass)
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
            "ac0d014382022830ff11b1df41004fcbc37200020001085a0e3dc3000000000084a040000000000024af40c001f1c212c89c"
            "8da2607cc145354d34638a90bc09db22dd07e772e8f6f8d6391f9ada98f659d4f08b6bb400fcb100d00511fcb40a93c9710c"
            "d65e6afceaaf1502b5781afe74da230174596df0d7c7ecfdd9cf49fdcd42abec9b7003016fcf190356aa76fe1ef063ff845f"
            "36f78626370c76e0fbfee09790054d9a75004bd6a202fca50aec19ccc60203d61a5e3f4479ffd0fe6cfe7ac78af76a6e2afa"
            "46b6ebac22751fa93574a04a454a5eff2d5281ea14a10fffce5a42425b3797fef0a5530100c412c9a9",
            [2306, 2429, 2550, 2675, 2807, 2939],
        ),
        (
            "hyperprior",
            "joint",
            "ac0d014382022830ff11b1df41004fcbc372030200010857900c1b000000000084a040000000000024af40fc018df2683dc2"
            "21706b39882a6f1b370b16bf73b43f064d7ed01c428668fa5c2b99e257c9c3e738fb350f393302376b09a8adbab220d2a97f"
            "584625ab5fa00ffec97dcf00039f4d69b814d0ff16965daa1193fe0627d0a7ab9a5829e01b814b48ee10415b00b58de8675f"
            "e184a52f3700444ee6ba3d54ca13e33dc24127c061e9f0bc54cb712d577624fbea0a55f01c95ab109024a277205002e4b9be"
            "a0e003fdba7c4bbbceba03449755161da0a7a0a6c7ca4ffd3350e2d9043d21632b8f39f6e8753ec7f472997704faefff86a4"
            "742dba13ffff3600e1a9a4a5d9e6d3fb4a5e8278d9db4d83abf69ad7e8eabf0e5c2af561e7e8d68c12a638bc050000289454"
            "dc",
            [2316, 2415, 2546, 2652, 2787, 2913],
        ),
        (
            "elic",
            "groups",
            "ac0d014482022830ff1157b11b339a3b472300020001085cb02226000000000084a040000000000024af40b002002f8479cf"
            "9d976af7cf8e09521383d0d564a3c7ddaa39b1bc7ecca9cd2d457169738f1e0e53ab99e135380a1d55b9e3106ba5a6e06e7e"
            "6cbfa591cbaf4d53a5c8739802a14831d4ebfd879889aa7adc536a84cddc279b1e1a17a1acf4af6189efa775ea9b3441708d"
            "df44469f73d91521398c6e5b433c829cc86385bdc8a3d9ba966fc9259290f3ae26803e086698670689a74b1cb1d65fd453da"
            "ec5ad4c69b19ba558240915a2293f5ff4f60cfc9206ba501ac7c5c2d9fc65dc66961eb00611e0b067d2e14721ec173abe0e3"
            "d801097d22f1d1f33a007f65a9cb00067bfe778f370c91ef8eff8d673a95e3db9602fc89a4006fa500fe786ebe37955e4ffb"
            "bfb03dfb9bb187fed88e43c344770d007be1d2ffaf9d1193a513d4886faefc28dc881bde3d8d85c5b9eeb47dd53f71ea07cd"
            "74a531",
            [2338, 2388, 2487, 2613, 2815, 2956],
        ),
        (
            "qhvae",
            "hierarchy",
            "ac0d014582022830ff11f77cd370419c05940002000108ed67093f000000000084a040000000000024af409405f8feffeff9"
            "2e47792ffeff9ce26bff57f791ff8fe58fff81abc5ffae0c1d4702cf0d10de87120d9dfb930710dc32f9dbf1feff88dafeff"
            "755fac1aecd9f0eee2fdfefff1a6c00049165b0209b1230be79eadddd7a23dfa3b305ffea103d3fe5a59d4b0c32bfe008f42"
            "bef9007e11ff10cd5eb1c3b191edb48a99e66767d2f7b1bc3c022c4ffaf13f480f037323a85dfb7acb8b6b80c0a9cb97e670"
            "e1a688979a30444d5fc58773287bfb28e739f66adfa6aa56a94840767f599d65b3fe304f811b27967c3bb388ef18aa90f532"
            "ce8262c3fe4c0728d88192d9ff61ef697bb29f1295723c865e64192e7b9f23270687aa2ad34fd211794fd857dea1bb62da1f"
            "8fd1d2e7303780738be61ebc0242697f03c8c89b641f0c6f6a3c0b81870ce29849a680b986e5d544de9b7165e58023a9267d"
            "d197b20b03757d7a0c44c94823a4fb7a2f666cc91fbc16ca8f78d6b0666859d16f9b4f1f115067aa5c7d5abd098d2054b681"
            "817560c110178c7f97d562952a393c6edc62daba7d2e0b98019f3c9702a1455d57de0563e019cb68c22dc4748b7011aa263d"
            "299bfa744d4fbc3cd6b27090559d4764a64cad7024529329e08192defbb882d9a24799597e50edb584aa9e1140b6b31f02bb"
            "56398362e55c256e48012b5816adfb759a4f117017b7716fa2e66195556148690343e15013fcd69f7d75a34eb7192e984bde"
            "49c37c1c43c71af7fc611880fd7841c3fa4e3722fa9d262146ad06e6a044a4877ac315761eb657edf674543c373ec431fda1"
            "09b4598241b9dd59ff850c600b2ccec006044bc85d71db86a4daf3865c337dc2f556c44ba0e20c8ddfa9af394d1293766e78"
            "3678a5467c5790ddcda44432f23ffc96698ca1cb33b116f5a0c07a28c272ed88d69c6a7da97ae90f8dc551629609806205fc"
            "cd33000000600c66e5",
            [2276, 2331, 2472, 2674, 2817, 2898],
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
