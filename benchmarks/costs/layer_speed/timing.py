"""Times layers on the backend of this process. The compared layers take turns.

`python -m benchmarks.costs.layer_speed.timing FILE` writes a JSON line for each measurement.
"""

import argparse
import functools
import json
import math
import statistics
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.costs.layer_speed.contenders import Comparison, comparisons
from benchmarks.costs.turns import ratio, seconds, take_turns
from benchmarks.harness.env import environment

BACKEND = keras.backend.backend()
# The values of `jit`, whether XLA compiles the step. Without it Keras on JAX runs operation by
# operation. On PyTorch there is no XLA.
JIT = {"tensorflow": (False, True), "jax": (True, False), "torch": (False,)}[BACKEND]
PASSES = ("forward", "forward and backward")
SHORTEST = 0.01  # the shortest duration of a layer's round, in seconds
ENOUGH = 1.0  # seconds after which no further round begins
FEWEST = 5  # the smallest number of rounds, even if they take longer than `ENOUGH`

Step = Callable[[], Any]


def prepared(layer: Any, x: np.ndarray, jit: bool) -> dict[str, Step]:
    """The layer's training step on one input, by pass. Each call waits for its result.

    The backward pass returns the loss, too. Otherwise a compiler would remove the forward pass of a
    linear layer, whose gradients do not depend on its outputs.
    """
    layer.build(x.shape)
    cotangent = np.random.default_rng(1).normal(size=layer.compute_output_shape(x.shape))
    cotangent = cotangent.astype("float32")
    trains = {"training": True} if "training" in signature(layer.call).parameters else {}
    if BACKEND == "tensorflow":
        return _tensorflow(layer, x, cotangent, trains, jit)
    if BACKEND == "jax":
        return _jax(layer, x, cotangent, trains, jit)
    inputs = keras.ops.convert_to_tensor(x)
    weights = [weight.value for weight in layer.trainable_weights]
    return _torch(lambda tensor: layer(tensor, **trains), weights, inputs, cotangent)


def _tensorflow(layer, x, cotangent, trains, jit) -> dict[str, Step]:
    import tensorflow as tf

    x, cotangent = tf.constant(x), tf.constant(cotangent)
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function(jit_compile=jit)
    def forward(x):
        return layer(x, **trains)

    @tf.function(jit_compile=jit)
    def both(x, cotangent):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, **trains) * cotangent)
        return loss, tape.gradient(loss, [x, *weights])

    def wait(result):
        # Reading one number waits until the step is done.
        return result[(0,) * result.shape.rank].numpy()

    return {
        PASSES[0]: lambda: wait(forward(x)),
        PASSES[1]: lambda: wait(both(x, cotangent)[1][0]),
    }


def _jax(layer, x, cotangent, trains, jit) -> dict[str, Step]:
    import jax

    x, cotangent = jax.numpy.asarray(x), jax.numpy.asarray(cotangent)
    weights = [weight.value for weight in layer.trainable_variables]
    state = [variable.value for variable in layer.non_trainable_variables]

    def forward(x, weights, state):
        return layer.stateless_call(weights, state, x, **trains)

    def loss(x, weights, state):
        out, new_state = forward(x, weights, state)
        return (out * cotangent).sum(), new_state

    both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    steps = [jax.jit(step) if jit else step for step in (forward, both)]
    return {
        name: lambda step=step: jax.block_until_ready(step(x, weights, state))  # type: ignore[misc]
        for name, step in zip(PASSES, steps, strict=True)
    }


def _torch(function, weights, inputs, cotangent) -> dict[str, Step]:
    import torch

    inputs = inputs.clone().requires_grad_()
    cotangent = torch.from_numpy(cotangent).to(inputs.device)

    def forward():
        with torch.no_grad():
            return function(inputs).cpu() if inputs.is_cuda else function(inputs)

    def both():
        gradients = torch.autograd.grad((function(inputs) * cotangent).sum(), [inputs, *weights])
        return gradients[0].cpu() if inputs.is_cuda else gradients

    return dict(zip(PASSES, (forward, both), strict=True))


def torch_module(module: Any, x: np.ndarray) -> dict[str, Step]:
    """The training step of PyTorch's module, by pass, on inputs with channels first."""
    tensor = keras.ops.convert_to_tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    module = module.to(tensor.device)
    cotangent = np.random.default_rng(1).normal(size=tensor.shape).astype("float32")
    return _torch(module, list(module.parameters()), tensor, cotangent)


def times(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds per call in each round. Short steps are repeated within a round."""
    calls, arms = {}, {}
    for name, step in steps.items():
        step()  # traces and compiles
        calls[name] = math.ceil(SHORTEST / seconds(step))
        arms[name] = functools.partial(_repeat, step, calls[name])
    spent = take_turns(arms, rounds, warm_up=0, enough=ENOUGH, fewest=FEWEST)
    return {name: [each / calls[name] for each in rounds] for name, rounds in spent.items()}


def _repeat(step: Step, calls: int) -> None:
    for _ in range(calls):
        step()


def copy_bandwidth(size: int = 2**26, rounds: int = 9) -> float:
    """Bytes per second that this machine's memory reads and writes in a copy, by one thread."""
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    spent = take_turns({"copy": lambda: np.copyto(target, source)}, rounds)["copy"]
    return 2 * size / statistics.median(spent)


def least_bytes(layer: Any, shape: tuple[int, ...], which: str) -> int:
    """The bytes of float32 that a pass reads and writes at least.

    The forward pass reads the input and the weights, and writes the output. The backward pass reads
    the input, the weights and the gradient of the output, and writes the other gradients.
    """
    inputs = math.prod(shape)
    outputs = math.prod(layer.compute_output_shape(shape))
    weights = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
    forward = inputs + weights + outputs
    return 4 * (forward if which == PASSES[0] else 2 * forward + inputs + weights)


def measure(
    comparison: Comparison, shape: tuple[int, ...], jit: bool, rounds: int, bandwidth: float
) -> Iterator:
    """Records of one comparison at one shape, one for each pass."""
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    ours = comparison.ours(shape[-1])
    contenders = {
        "ours": prepared(ours, x, jit),
        "core": prepared(comparison.core(shape[-1]), x, jit),
    }
    if BACKEND == "torch" and comparison.torch:
        contenders["torch"] = torch_module(comparison.torch(shape[-1]), x)
    for which in PASSES:
        spent = times({name: steps[which] for name, steps in contenders.items()}, rounds)
        yield {
            "layer": comparison.name,
            "against": comparison.against,
            "shape": shape,
            "backend": BACKEND,
            "jit": jit,
            "pass": which,
            "ms": {name: 1000 * statistics.median(each) for name, each in spent.items()},
            "ratio": ratio(spent, "ours", "core"),
            "bandwidth_share": least_bytes(ours, shape, which)
            / bandwidth
            / statistics.median(spent["ours"]),
            "rounds": len(spent["ours"]),
        }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs.layer_speed.timing")
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--layers", nargs="*", default=[])
    arguments = parser.parse_args()
    ran, bandwidth = environment(BACKEND), copy_bandwidth()
    with arguments.file.open("w", encoding="utf-8") as file:
        for comparison in comparisons():
            if arguments.layers and comparison.name not in arguments.layers:
                continue
            for shape in comparison.shapes:
                for jit in JIT:
                    for record in measure(comparison, shape, jit, arguments.rounds, bandwidth):
                        file.write(json.dumps({**record, "environment": ran}) + "\n")
                        file.flush()
                        print(_line(record), flush=True)


def _line(record: dict[str, Any]) -> str:
    spent = ", ".join(f"{name} {ms:.3g} ms" for name, ms in record["ms"].items())
    mode = f"{record['backend']}, XLA {'on' if record['jit'] else 'off'}"
    return f"{record['layer']} {record['shape']} {mode}, {record['pass']}: {spent}"


if __name__ == "__main__":
    main()
