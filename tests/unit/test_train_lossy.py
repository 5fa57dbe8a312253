"""The training command and the files of weights."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from astrocodec.errors import CorruptError, ModelNotFoundError
from astrocodec.learning.recipe import Recipe
from astrocodec.learning.train_lossy import begin_with, fit
from astrocodec.lossy import weights as of_weights
from astrocodec.lossy.weights import find_weights, load_weights, save_weights


def recipe() -> Recipe:
    """A line through noisy points."""
    torch.manual_seed(1)
    network = torch.nn.Linear(3, 1)

    def batch(step: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng(step).normal(size=(8, 3))).float()

    def loss(net: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        return ((net(x + 0.1 * torch.randn_like(x)) - x.sum(1, keepdim=True)) ** 2).mean(), {"n": 8.0}

    return Recipe(network, batch, loss, lambda net, folder: folder, rate=0.05)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    """Weights are equal to the last bit."""
    whole, parts, lines = recipe(), recipe(), list[str]()
    assert fit(whole, steps=30, seed=2, checkpoint=tmp_path / "a.pt", log=lines.append)
    assert not fit(parts, steps=30, seed=2, checkpoint=tmp_path / "b.pt", stop_after=11, log=lines.append)
    parts = recipe()
    assert fit(parts, steps=30, seed=2, checkpoint=tmp_path / "b.pt", log=lines.append)
    assert "step 11 of 30: loss" in lines[1]
    for a, b in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ValueError, match="belongs to a run of 30 steps"):
        fit(recipe(), steps=31, seed=2, checkpoint=tmp_path / "b.pt")
    assert begin_with(recipe(), tmp_path / "b.pt") == []


def test_weights_are_found_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And missed by name."""
    path = save_weights({"a": np.arange(6, dtype=np.int8).reshape(2, 3)}, {"n": 3}, "thing", tmp_path)
    assert path == save_weights({"a": np.arange(6, dtype=np.int8).reshape(2, 3)}, {"n": 3}, "thing", tmp_path)
    weights = load_weights(path)
    assert (weights.name, weights.about, weights.tensors["a"].tolist()) == (path.stem, {"n": 3}, [[0, 1, 2], [3, 4, 5]])
    assert find_weights(weights.fingerprint) is weights  # this process has read them
    monkeypatch.setattr(of_weights, "_read", {})
    with pytest.raises(ModelNotFoundError, match=weights.fingerprint.hex()):
        find_weights(weights.fingerprint)
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    assert find_weights("thing") == find_weights(path.stem) == find_weights(weights.fingerprint) == weights
    with pytest.raises(ModelNotFoundError):
        find_weights(weights.fingerprint[:4] + b"\0\0\0\0")
    other = tmp_path / "other-00000000.safetensors"
    other.write_bytes(b"\xff" * 20)
    with pytest.raises(CorruptError, match="other"):
        find_weights("other")


def test_the_command_trains_a_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps, with the very weights that the codec then finds."""
    pytest.importorskip("constriction")
    import astrocodec
    from astrocodec.learning.train_lossy import main
    from astrocodec.lossy import hyperprior_network

    monkeypatch.setitem(hyperprior_network.SIZES, "small", hyperprior_network.Size(8, 12, 6, kinds=("mean-scale",)))
    arguments = ["hyperprior", "count=1", "side=64", "batch=2", "--steps", "2", "--out", str(tmp_path)]
    main([*arguments, "--stop-after", "1"])
    assert not [*tmp_path.glob("hyperprior-*.safetensors")]
    main(arguments)
    main(
        [
            "hyperprior",
            "part=rates",
            *arguments[1:-1],
            str(tmp_path / "next"),
            "--start",
            str(tmp_path / "hyperprior.pt"),
        ]
    )
    one, other = (
        torch.load(path / "hyperprior.pt", weights_only=True)["network"] for path in (tmp_path, tmp_path / "next")
    )
    kept = {name for name, value in one.items() if torch.equal(value, other[name])}
    assert {name for name in one if name.startswith("transforms")} <= kept < one.keys()
    (path,) = tmp_path.glob("hyperprior-*.safetensors")
    assert path.name not in {other.name for other in (tmp_path / "next").iterdir()}
    image = np.random.default_rng(1).poisson(90, (40, 30)).astype("u2")
    stream = astrocodec.encode(image, codec="hyperprior", weights=path)
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    assert astrocodec.decode(stream).shape == image.shape
    with pytest.raises(ValueError, match="options colour"):
        main(["hyperprior", "colour=1", "count=1", "--out", str(tmp_path / "other")])


def test_smoothed_pictures_are_what_they_were_without_most_noise() -> None:
    """Under a Gaussian of so many pixels."""
    from astrocodec.lossy.training_pictures import smoothed

    picture = np.random.default_rng(1).normal(7, 2, (128, 128))
    found = smoothed(picture, 2.0)
    assert found.mean() == pytest.approx(picture.mean())
    assert found.std() == pytest.approx(2 / (2 * np.sqrt(np.pi) * 2), rel=0.1)
