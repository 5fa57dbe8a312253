"""Training of learned lossy codecs: ``python -m astrocodec.learning.train_lossy NAME --steps 1000 --out FOLDER``.

Data are streamed: step n learns from what its recipe makes of the seed and n. A run that was stopped goes on from its
checkpoint, with the same steps as if it had not been.
"""

from __future__ import annotations

import argparse
import importlib
import math
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from astrocodec.errors import CorruptError
from astrocodec.files.target import Target
from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.weights import load_weights

# What makes the recipe of a system of so many options and a seed.
RECIPES = {
    "autoencoder": "astrocodec.lossy.autoencoder_training",
    "vqvae": "astrocodec.lossy.vqvae_training",
    "vae": "astrocodec.lossy.vae_training",
    "hyperprior": "astrocodec.lossy.hyperprior_training",
    "elic": "astrocodec.lossy.elic_training",
    "qhvae": "astrocodec.lossy.qhvae_training",
    "elic_visibility": "astrocodec.lossy.visibility_training:elic",
    "qhvae_visibility": "astrocodec.lossy.visibility_training:qhvae",
}
_WARM_UP = 0.02  # part of the steps
_FINAL_RATE = 0.02  # part of the rate


def find_recipe(system: str, options: Mapping[str, str], seed: int) -> Recipe:
    """The recipe of a system, from its module's function `recipe` or the one that is named."""
    if system not in RECIPES:
        raise ValueError(f"system {system!r} found, allowed are {', '.join(RECIPES)}")
    module, _, name = RECIPES[system].partition(":")
    made: Recipe = getattr(importlib.import_module(module), name or "recipe")(dict(options), seed)
    return made


def rate_at(part: float, schedule: str) -> float:
    """Share of the learning rate where so large a part of all steps is done.

    >>> rate_at(0.5, "constant"), rate_at(1.0, "cosine")
    (1.0, 0.02)
    """
    warm = min(1.0, (part + 1e-3) / _WARM_UP)
    if schedule == "constant":
        return warm
    return warm * (_FINAL_RATE + (1 - _FINAL_RATE) * (0.5 + 0.5 * math.cos(math.pi * part)))


def fit(
    recipe: Recipe,
    *,
    steps: int,
    seed: int,
    checkpoint: Path,
    schedule: str = "cosine",
    device: str = "cpu",
    every: int = 200,
    stop_after: int | None = None,
    log: Callable[[str], None] = print,
) -> bool:
    """Take `steps`, or as many as are left of them, and keep a checkpoint at each `every`; whether all are done.

    `stop_after` ends the run after so many, to be continued.
    """
    torch.manual_seed(seed)
    network = recipe.network.to(device).train()
    optimiser = torch.optim.Adam(_groups(network, recipe.slow), lr=recipe.rate)
    done = _restore(checkpoint, network, optimiser, steps, seed) if checkpoint.exists() else 0
    start, taken = time.perf_counter(), 0
    shown: dict[str, float] = {}
    while done < steps and taken != stop_after:
        torch.manual_seed(seed * 1_000_003 + done)  # noise of this step, whether or not the run was stopped before it
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * group["part"] * rate_at(done / steps, schedule)
        optimiser.zero_grad()
        loss, figures = recipe.loss(network, recipe.batch(done))
        if not torch.isfinite(loss):
            raise ValueError(f"step {done}: the loss is {float(loss)}; take a smaller rate than {recipe.rate}")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if recipe.keep is not None:
            recipe.keep(network)
        done, taken = done + 1, taken + 1
        for name, value in {"loss": float(loss.detach()), **figures}.items():
            shown[name] = value if name not in shown else 0.98 * shown[name] + 0.02 * value
        if done % every == 0 or done == steps or taken == stop_after:
            said = ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
            log(f"step {done} of {steps}: {said}, {time.perf_counter() - start:.0f} s")
            _keep(checkpoint, network, optimiser, done, steps, seed)
    return done == steps


def _groups(network: torch.nn.Module, slow: Mapping[str, float]) -> list[dict[str, Any]]:
    """Parameters with their parts of the rate: those of slow parts of the network, and the others."""
    named = dict(network.named_parameters())
    groups = [
        {"params": [named.pop(name) for name in list(named) if name.startswith(prefix + ".")], "part": part}
        for prefix, part in slow.items()
    ]
    return [*groups, {"params": list(named.values()), "part": 1.0}]


def _keep(checkpoint: Path, network: Any, optimiser: Any, done: int, steps: int, seed: int) -> None:
    state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    with Target(checkpoint, overwrite=True) as target:
        torch.save({**state, "done": done, "steps": steps, "seed": seed}, target.file)
        target.commit()


def _restore(checkpoint: Path, network: Any, optimiser: Any, steps: int, seed: int) -> int:
    try:
        state = torch.load(checkpoint, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CorruptError(f"{checkpoint}: is no checkpoint, or a damaged one: delete it and begin anew") from error
    if (state["steps"], state["seed"]) != (steps, seed):
        raise ValueError(
            f"{checkpoint}: belongs to a run of {state['steps']} steps and seed {state['seed']}; asked for are {steps} "
            f"and {seed}: take the same, or another folder"
        )
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["done"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the system that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m astrocodec.learning.train_lossy", description=__doc__)
    parser.add_argument("system", choices=list(RECIPES))
    parser.add_argument("options", nargs="*", metavar="NAME=VALUE", help="of the system, such as its size")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and of the weights")
    parser.add_argument("--stop-after", type=int, metavar="N", help="end after so many steps of this run")
    parser.add_argument("--schedule", choices=["cosine", "constant"], default="cosine")
    parser.add_argument("--start", type=Path, help="checkpoint, or of some systems a file of weights, to begin with")
    parser.add_argument("--parts", nargs="*", default=[""], help="beginnings of the names of these weights; else all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    options = dict(option.split("=", 1) for option in given.options)
    torch.manual_seed(given.seed)
    recipe = find_recipe(given.system, options, given.seed)
    if given.start is not None:
        begin_with(recipe, given.start, given.parts)
    checkpoint = given.out / f"{given.system}.pt"
    kept = {"steps": given.steps, "seed": given.seed, "schedule": given.schedule, "device": given.device}
    is_done = fit(
        recipe, checkpoint=checkpoint, **kept, stop_after=given.stop_after, log=lambda line: print(line, flush=True)
    )
    if not is_done:
        print(f"{checkpoint}: the same command goes on with it, or another begins with it (--start)")
        return
    print(recipe.save(recipe.network.cpu().eval(), given.out))


def begin_with(recipe: Recipe, checkpoint: Path, parts: Sequence[str] = ("",)) -> list[str]:
    """Take the weights of another run that have the same names and shapes; the names of those that were not there.

    `parts` are the beginnings of the names that are taken. Of a file of weights all are.
    """
    if checkpoint.suffix == ".safetensors":
        if recipe.begin is None or tuple(parts) != ("",):
            raise ValueError(
                f"{checkpoint}: only the autoencoder and QH-VAE begin with a file of weights, and with all of it"
            )
        recipe.begin(load_weights(checkpoint).tensors)
        return []
    given = torch.load(checkpoint, weights_only=True)["network"]
    own = recipe.network.state_dict()
    fitting = {
        name: value
        for name, value in given.items()
        if name in own and own[name].shape == value.shape and name.startswith(tuple(parts))
    }
    recipe.network.load_state_dict({**own, **fitting})
    return sorted(own.keys() - fitting.keys())


if __name__ == "__main__":
    main()
