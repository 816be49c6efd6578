"""Arms with training loops written by hand in PyTorch and JAX, and the matrix product."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.costs.throughput.arms import BATCH, NETWORKS, Arm, Network
from benchmarks.costs.throughput.keras_arms import DROPPED, MOMENTUM, RATE, examples

SIDE, PRODUCTS = 2048, 10  # size of the matrices, and number of products in a turn


def matmul(arm: Arm, network: str) -> Callable[[], object]:
    """NumPy's sgemm."""
    a = np.random.default_rng(0).random((SIDE, SIDE), dtype="float32")
    out = np.empty_like(a)
    return lambda: [np.matmul(a, a, out=out) for _ in range(PRODUCTS)]


def _torch_model(network: Network) -> Any:
    from torch import nn

    layers: list[nn.Module] = []
    for inputs, units in network.kernels:
        layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(DROPPED)]
    return nn.Sequential(*layers[:-2])  # no ReLU and no dropout after the last


def _torch_examples(arm: Arm, network: str) -> tuple[Any, Any, str]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, y = examples(NETWORKS[network], arm.steps(network))
    return torch.from_numpy(x).to(device), torch.from_numpy(y).long().to(device), device


def torch_loop(arm: Arm, network: str) -> Callable[[], object]:
    """A loop as in PyTorch's tutorials, with the data in memory and without a loader."""
    import torch
    from torch import nn

    x, y, device = _torch_examples(arm, network)
    model = _torch_model(NETWORKS[network]).to(device)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=MOMENTUM)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> float:
        for chosen in torch.randperm(len(x), device=device).split(BATCH):
            optimizer.zero_grad()
            loss = criterion(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
        return loss.item()

    return epoch


def torch_ensemble(arm: Arm, network: str) -> Callable[[], object]:
    """`vmap` over stacked weights, as in PyTorch's tutorial on model ensembling."""
    import torch
    from torch import nn
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    x, y, device = _torch_examples(arm, network)
    models = [_torch_model(NETWORKS[network]).to(device) for _ in range(arm.members)]
    weights, buffers = stack_module_state(models)
    template, criterion = models[0], nn.CrossEntropyLoss()

    def loss_of(weights, buffers, x, y):
        return criterion(functional_call(template, (weights, buffers), (x,)), y)

    step = vmap(grad_and_value(loss_of), in_dims=(0, 0, None, None), randomness="different")
    optimizer = torch.optim.SGD(weights.values(), RATE, momentum=MOMENTUM)

    def epoch() -> float:
        for chosen in torch.randperm(len(x), device=device).split(BATCH):
            gradients, losses = step(weights, buffers, x[chosen], y[chosen])
            for name, weight in weights.items():
                weight.grad = gradients[name]
            optimizer.step()
        return losses.mean().item()

    return epoch


def jax_scan(arm: Arm, network: str) -> Callable[[], object]:
    """A scan over the steps of an epoch, compiled."""
    import jax
    from jax import numpy as jnp

    rng = np.random.default_rng(0)
    model = [
        (jnp.asarray(rng.normal(0, inputs**-0.5, (inputs, units)), "float32"), jnp.zeros(units))
        for inputs, units in NETWORKS[network].kernels
    ]
    x, y = map(jnp.asarray, examples(NETWORKS[network], arm.steps(network)))

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

    return turn
