"""Integer networks: the same whole numbers however they are run."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from astrocodec.lossy.integer_network import ExactConv, ExactNetwork, IntegerConv, layer_tensors, loaded_layer


def layers() -> list[IntegerConv]:
    """Three, of every kind, with weights that were never trained."""
    torch.manual_seed(3)
    return [
        IntegerConv(5, 12, 5),
        IntegerConv(12, 8, 3, upsample=2),
        IntegerConv(8, 6, 5, causal=True, low=-2048, high=2047, stride=2),
    ]


INPUT = np.random.default_rng(1).integers(-300, 300, (3, 5, 9, 14))


def test_what_learns_is_what_runs() -> None:
    """Rounding included; inputs are clipped alike."""
    made = layers()
    learned = torch.from_numpy(INPUT.clip(-255, 255)).double()
    for layer in made:
        learned = layer.double()(learned)
    assert np.array_equal(ExactNetwork.of(made, 255).run(INPUT), learned.detach().numpy())


def test_nothing_changes_a_bit() -> None:
    """Threads, batches, oneDNN, what torch calls a multiplication, and float settings of whoever calls."""
    network = ExactNetwork.of(layers(), 255)
    expected = network.run(INPUT)
    assert len(np.unique(expected)) > 50
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert np.array_equal(network.run(INPUT), expected)
        torch.set_num_threads(1)
        assert np.array_equal(network.run(INPUT), expected)
        assert np.array_equal(np.concatenate([network.run(INPUT[i : i + 1]) for i in range(3)]), expected)
        torch.backends.mkldnn.set_flags(False)
        assert np.array_equal(network.run(INPUT), expected)
        torch.set_float32_matmul_precision("medium")
        assert network.layers[0].carrier(torch.device("cpu")) == torch.float64
        with torch.autocast("cpu"):
            assert np.array_equal(network.run(INPUT), expected)
    finally:
        torch.set_num_threads(threads)
        torch.backends.mkldnn.set_flags(True)
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(("weight", "carrier"), [(1000, torch.float32), (1 << 20, torch.float64)])
def test_carrier_holds_every_sum(weight: int, carrier: torch.dtype) -> None:
    """The bound is proven of the weights, not measured; the worst input reaches it."""
    conv = ExactConv(np.full((1, 4, 3, 3), weight), np.array([255]), 255, -(1 << 30), 1 << 30)
    assert conv.carrier(torch.device("cpu")) == carrier
    assert conv.bound == 36 * weight * 255 + 255
    found = ExactNetwork([conv]).run(np.full((1, 4, 3, 3), 255))
    assert found[0, 0, 1, 1] == conv.bound >> 8


def test_what_cannot_be_exact_is_refused() -> None:
    """Sums that no float holds, layers that do not fit each other."""
    huge = np.full((1, 1, 1, 1), 1 << 46)
    with pytest.raises(ValueError, match=r"beyond 2\^53"):
        ExactConv(huge, np.array([0]), 255, 0, 255)
    small = np.ones((1, 1, 1, 1), np.int64)
    first, second = (ExactConv(small, np.array([0]), reach, 0, 255) for reach in (255, 100))
    with pytest.raises(ValueError, match="the next takes 100"):
        ExactNetwork([first, second])


def test_weights_come_back() -> None:
    """In the fewest bytes that hold them."""
    network = ExactNetwork.of(layers(), 255)
    tensors = network.tensors("hyper")
    assert tensors["hyper.0.weight"].dtype == np.int8
    again = ExactNetwork.loaded(tensors, "hyper", layers(), 255)
    assert np.array_equal(again.run(INPUT), network.run(INPUT))
    with pytest.raises(ValueError, match=r"hyper\.0"):
        ExactNetwork.loaded(tensors, "hyper", layers()[1:], 255)


def test_few_large_weights_stand_beside_the_others() -> None:
    """Many make all of them wider; places that are none are refused."""
    conv = network_of({5: 300, 30: -129}).layers[0]
    tensors = layer_tensors(conv, "a")
    assert (tensors["a.weight"].dtype, tensors["a.far"].tolist()) == (np.int8, [[5, 300], [30, -129]])
    like = IntegerConv(4, 1, 3)
    assert np.array_equal(loaded_layer(tensors, "a", like, 255).weight, conv.weight)
    wide = network_of(dict.fromkeys(range(9), -40000)).layers[0]
    assert layer_tensors(wide, "a")["a.weight"].dtype == np.int32
    assert np.array_equal(loaded_layer(layer_tensors(wide, "a"), "a", like, 255).weight, wide.weight)
    for place in (-1, 36):
        with pytest.raises(ValueError, match=r"a\.far: places outside of 36"):
            loaded_layer({**tensors, "a.far": np.array([[place, 300]], np.int32)}, "a", like, 255)


def network_of(weights: dict[int, int]) -> ExactNetwork:
    """A layer of 36 weights that are 1 but for some."""
    weight = np.ones(36, np.int64)
    weight[list(weights)] = list(weights.values())
    return ExactNetwork([ExactConv(weight.reshape(1, 4, 3, 3), np.array([7]), 255, 0, 255)])
