"""One arm in a separate process.

`python -m benchmarks.costs.throughput.worker NETWORK ARM` takes a turn, some steps of training, for
every line of its input, and prints the seconds. At the end of the input it prints the peak memory.
The first turn includes compiling.
"""

import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.costs.throughput.arms import ARMS, BATCH, CLASSES, INPUTS, NETWORKS, Arm, weights

RATE, MOMENTUM, DROPPED = 0.01, 0.9, 0.5
SIDE, PRODUCTS = 2048, 20  # matrices whose product is the measure, and how many a turn makes


def wait() -> None:
    """Until there is a turn to take; the process ends here when there is none any more."""
    if not sys.stdin.readline():
        tell(memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        sys.exit()


def tell(**found: float) -> None:
    print(json.dumps(found), flush=True)


def take_turns(turn: Callable[[], object]) -> None:
    """For what is no `fit`."""
    while True:
        wait()
        started = time.perf_counter()
        turn()
        tell(seconds=time.perf_counter() - started)


def examples(steps: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((steps * BATCH, INPUTS), dtype="float32")
    return x, rng.integers(0, CLASSES, len(x))


def matmul(arm: Arm, network: str) -> None:
    """NumPy's sgemm."""
    a = np.random.default_rng(0).random((SIDE, SIDE), dtype="float32")
    out = np.empty_like(a)
    take_turns(lambda: [np.matmul(a, a, out=out) for _ in range(PRODUCTS)])


def fit(arm: Arm, network: str) -> None:
    """A turn is a call of Keras' `fit`, of one model or of a population."""
    import keras

    from keras_ddl import Population, feed
    from keras_ddl.layers import VariableDropout
    from keras_ddl.optimizers import FusedSGD

    def build(seed: int):
        keras.utils.set_random_seed(seed)
        dropout = keras.layers.Dropout if arm.kind == "fit" else VariableDropout
        model = keras.Sequential([keras.Input((INPUTS,))])
        for units in NETWORKS[network]:
            model.add(keras.layers.Dense(units, "relu"))
            model.add(dropout(DROPPED, seed=seed))
        model.add(keras.layers.Dense(CLASSES))
        return model

    members = [{"seed": seed} for seed in range(arm.members)]
    model = build(0) if arm.kind == "fit" else Population(build, members)
    sgd = FusedSGD if arm.fused else keras.optimizers.SGD
    model.compile(
        sgd(RATE, momentum=MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=arm.jit,
    )
    x, y = examples(arm.steps(network))
    if arm.feed:
        data = feed.arrays(x, y, batch_size=BATCH)
        take_turns(lambda: model.fit(data, shuffle=False, verbose=0))
    else:
        take_turns(lambda: model.fit(x, y, batch_size=BATCH, verbose=0))


def torch_loop(arm: Arm, network: str) -> None:
    """As PyTorch's tutorials write it, with the data in memory and no loader in between."""
    import torch
    from torch import nn

    device = "cuda" if torch.cuda.is_available() else "cpu"
    layers: list[nn.Module] = []
    for inputs, units in weights(network):
        layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(DROPPED)]
    model = nn.Sequential(*layers[:-2]).to(device)  # no ReLU and no dropout after the last
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=MOMENTUM)
    criterion = nn.CrossEntropyLoss()
    x, y = (torch.from_numpy(part).to(device) for part in examples(arm.steps(network)))

    def epoch() -> float:
        for chosen in torch.randperm(len(x), device=device).split(BATCH):
            optimizer.zero_grad()
            loss = criterion(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
        return loss.item()

    take_turns(epoch)


def jax_scan(arm: Arm, network: str) -> None:
    """An epoch in one compiled call."""
    import jax
    from jax import numpy as jnp

    rng = np.random.default_rng(0)
    model = [
        (jnp.asarray(rng.normal(0, inputs**-0.5, (inputs, units)), "float32"), jnp.zeros(units))
        for inputs, units in weights(network)
    ]
    x, y = map(jnp.asarray, examples(arm.steps(network)))

    def loss_of(model, x, y, key):
        for kernel, bias in model[:-1]:
            key, own = jax.random.split(key)
            x = jax.nn.relu(x @ kernel + bias)
            x = jnp.where(jax.random.bernoulli(own, 1 - DROPPED, x.shape), x / (1 - DROPPED), 0)
        logits = x @ model[-1][0] + model[-1][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()

    def step(state, chosen):
        model, velocity, key = state
        key, own = jax.random.split(key)
        loss, gradient = jax.value_and_grad(loss_of)(model, x[chosen], y[chosen], own)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradient)
        return (jax.tree.map(jnp.add, model, velocity), velocity, key), loss

    @jax.jit
    def epoch(state):
        model, velocity, key = state
        key, own = jax.random.split(key)
        order = jax.random.permutation(own, len(x)).reshape(-1, BATCH)
        return jax.lax.scan(step, (model, velocity, key), order)

    state = [(model, jax.tree.map(jnp.zeros_like, model), jax.random.key(0))]

    def turn() -> float:
        state[0], losses = epoch(state[0])
        return float(losses[-1])

    take_turns(turn)


KINDS = {
    "matmul": matmul,
    "fit": fit,
    "population": fit,
    "torch": torch_loop,
    "jax": jax_scan,
}

if __name__ == "__main__":
    network, name = sys.argv[1:]
    chosen = next(arm for arm in ARMS if arm.name == name)
    if chosen.kind == "population":  # before the backend starts
        from keras_ddl.population import use_cores

        use_cores()
    KINDS[chosen.kind](chosen, network)
