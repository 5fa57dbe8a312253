"""Training draws with equal weight, learns, holds pixels back, and does the same on a GPU."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install astrocodec[torch]")

from astrocodec.learning import descent  # noqa: E402
from astrocodec.learning.contexts import Pixels, sample_contexts, to_tensors  # noqa: E402
from astrocodec.learning.descent import held_back_bits, learning_rate  # noqa: E402
from astrocodec.learning.network import Network  # noqa: E402
from astrocodec.learning.training import as_model, fit  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Threads for so small a network only wait for each other."""
    torch.set_num_threads(1)


def groups_of_noise() -> dict[str, list[dict[str, torch.Tensor]]]:
    """One group of a large and a small frame, one of a single frame; each frame has a level of its own."""
    rng = np.random.default_rng(3)
    frames = [rng.normal(level, 6, (64, 96)).astype(np.uint16) for level in (1000, 3000, 9000)]
    large, small, alone = (
        to_tensors(sample_contexts(frame, count, rng)) for frame, count in zip(frames, (6000, 600, 3000), strict=True)
    )
    return {"two": [large, small], "alone": [alone]}


def test_groups_and_frames_are_drawn_with_equal_weight_and_held_back_pixels_never() -> None:
    groups = groups_of_noise()
    for frames in groups.values():
        for frame in frames:
            frame["sample"][31::32] = -1
    torch.manual_seed(1)
    levels = Pixels(groups, "cpu").draw(40_000)["sample"]
    shares = [float(((levels > low) & (levels < high)).float().mean()) for low, high in ((0, 2000), (2000, 5000))]
    assert shares == pytest.approx([0.25, 0.25], abs=0.02)
    assert float((levels > 5000).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert (levels >= 0).all()


def test_the_rate_rises_and_falls() -> None:
    rates = [learning_rate(part) for part in (0, 0.02, 0.05, 0.5, 1)]
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4] >= 0


@pytest.mark.parametrize("hidden", [16, 32])
def test_training_learns(hidden: int) -> None:
    groups, lines = groups_of_noise(), []
    network = fit(groups, steps=80, seed=0, hidden=hidden, batch=300, log=lines.append)
    torch.manual_seed(0)
    assert held_back_bits(network, Pixels(groups, "cpu")) < held_back_bits(Network(hidden), Pixels(groups, "cpu")) - 0.2
    assert lines[-1].startswith("pixels held back: ")
    assert as_model(network, "new").arrays().w1.shape == (hidden, 32)


@pytest.mark.parametrize("hidden", [16, 32])
def test_no_sum_leaves_16_bits_while_training(hidden: int) -> None:
    torch.manual_seed(2)
    network = Network(hidden)
    with torch.no_grad():
        for weights in (network.w1, network.w2, network.w3):
            weights.mul_(20)
    network.keep_sums()
    trained, exported = network.integers(), network.export_weights()
    for field, after in ((2, exported.w1), (4, exported.w2), (6, exported.w3)):
        assert np.abs(trained[field].detach().numpy() - after).max() <= 2
    before = network.w1.detach().clone()
    network.keep_sums()
    assert torch.allclose(network.w1, before, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("hidden", [16, 32])
def test_a_gpu_learns_as_much(hidden: int, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = groups_of_noise()

    def bits(device: str) -> float:
        network = fit(groups, steps=300, seed=0, hidden=hidden, batch=500, device=device, log=lambda line: None)
        return held_back_bits(network, Pixels(groups, "cpu"))

    on_gpu, on_cpu = bits("cuda"), bits("cpu")
    monkeypatch.setattr(descent, "_recorded", lambda step: step)
    unrecorded = bits("cuda")
    assert on_gpu == pytest.approx(unrecorded, abs=0.05)
    assert on_gpu == pytest.approx(on_cpu, abs=0.1)
