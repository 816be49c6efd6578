"""Optimizers against their papers' equations in float64, for 20 steps."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.optimizers import LARS, SAM, Lookahead, RectifiedAdam

RNG = np.random.default_rng(0)
START = [RNG.normal(size=(4, 3)), RNG.normal(size=3)]
GRADIENTS = [[RNG.normal(size=(4, 3)), RNG.normal(size=3)] for _ in range(20)]
BACKEND = keras.backend.backend()
LOOP = "loop" if BACKEND == "torch" else "auto"


def ours(optimizer, gradients=GRADIENTS):
    """The weights after each step."""
    weights = [keras.Variable(start.astype("float32")) for start in START]
    optimizer.build(weights)
    path = []
    for step in gradients:
        optimizer.apply([ops.convert_to_tensor(g.astype("float32")) for g in step])
        path.append([np.array(ops.convert_to_numpy(weight.value)) for weight in weights])
    return path


def rectified(index, rate=0.05, beta_1=0.9, beta_2=0.99, epsilon=1e-8):
    w, m, v = START[index], 0, 0
    longest = 2 / (1 - beta_2) - 1
    for t, step in enumerate(GRADIENTS, start=1):
        g = step[index]
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
        rho = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        update = m / (1 - beta_1**t)
        if rho > 5:
            adapted = np.sqrt(1 - beta_2**t) / (np.sqrt(v) + epsilon)
            r = (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
            update = update * np.sqrt(r) * adapted
        w = w - rate * update
        yield w


def lars(index, rate=2.0, momentum=0.9, decay=0.1, trust=0.01):
    w, velocity = START[index], 0
    for step in GRADIENTS:
        g = step[index]
        if w.ndim > 1:
            length = np.linalg.norm
            local = trust * length(w) / (length(g) + decay * length(w))
            g = local * (g + decay * w)
        velocity = momentum * velocity - rate * g
        w = w + velocity
        yield w


def lookahead(index, rate=0.1, period=6, alpha=0.5):
    slow = fast = START[index]
    for t, step in enumerate(GRADIENTS, start=1):
        fast = fast - rate * step[index]
        if t % period == 0:
            slow = fast = slow + alpha * (fast - slow)
        yield fast


def lower(optimizer):
    """The optimizer with a rate at which the small model does not diverge."""
    optimizer.learning_rate = 0.01
    return optimizer


RULES = {
    "RectifiedAdam": (lambda: RectifiedAdam(0.05, beta_2=0.99), rectified),
    "LARS": (lambda: LARS(2.0, weight_decay=0.1, trust_coefficient=0.01), lars),
    "Lookahead": (lambda: Lookahead(keras.optimizers.SGD(0.1)), lookahead),
}


@pytest.mark.parametrize("name", RULES)
def test_twenty_steps_are_those_of_the_equations(name):
    make, rule = RULES[name]
    path = ours(make())
    for index in range(2):
        for step, expected in enumerate(rule(index)):
            np.testing.assert_allclose(path[step][index], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's RAdam")
@pytest.mark.parametrize("beta_2", [0.99, 0.999])
def test_rectified_adam_is_that_of_pytorch(beta_2):
    import torch

    weights = [torch.tensor(start, requires_grad=True) for start in START]
    theirs = torch.optim.RAdam(weights, 0.05, (0.9, beta_2))
    for step, path in zip(GRADIENTS, ours(RectifiedAdam(0.05, beta_2=beta_2)), strict=True):
        for weight, gradient in zip(weights, step, strict=True):
            weight.grad = torch.tensor(gradient)
        theirs.step()
        for weight, found in zip(weights, path, strict=True):
            np.testing.assert_allclose(found, weight.detach().numpy(), atol=1e-5)


def test_lookahead_counts_updates_under_gradient_accumulation():
    twice = [step for step in GRADIENTS for _ in range(2)]
    inner = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    path = ours(Lookahead(inner, sync_period=3), twice)
    for step, expected in enumerate(lookahead(0, period=3)):
        np.testing.assert_allclose(path[2 * step + 1][0], expected, atol=1e-5)


def build(seed=0, wrapper=lambda model: model, dropout=0.3):
    keras.utils.set_random_seed(seed)
    return wrapper(
        keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(5, "tanh"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(dropout, seed=1),
                keras.layers.Dense(1),
            ]
        )
    )


X = RNG.normal(size=(24, 4)).astype("float32")
Y = X[:, :1] ** 2


def trained(optimizer, wrapper=lambda model: model, dropout=0.3):
    model = build(wrapper=wrapper, dropout=dropout)
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(
    "name",
    [
        "Lookahead",
        pytest.param("LARS", marks=pytest.mark.exhaustive),
        pytest.param("RectifiedAdam", marks=pytest.mark.exhaustive),
    ],
)
def test_compiled_in_a_saved_model(name, tmp_path):
    make, _ = RULES[name]
    model = trained(lower(make()), dropout=0)  # Keras saves no random states
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for one in (model, loaded):
        one.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def sam_by_hand(rate, rho, decay):
    """Three steps of SAM of one linear unit."""
    w, losses = np.full((4, 1), 0.5), []
    for part in range(3):
        x, y = (a[8 * part : 8 * part + 8].astype("float64") for a in (X, Y))

        def gradient(w, x=x, y=y):
            return 2 * x.T @ (x @ w - y) / 8 + 2 * decay * w

        losses.append(np.mean((x @ w - y) ** 2) + decay * np.sum(w**2))
        g = gradient(w)
        w = w - rate * gradient(w + rho * g / np.linalg.norm(g))
    return w, np.mean(losses)


def test_sam_takes_the_gradient_at_the_ascended_weights():
    dense = keras.layers.Dense(
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(0.5),
        kernel_regularizer=keras.regularizers.L2(0.1),
    )
    sam = SAM(keras.Sequential([keras.Input((4,)), dense]), rho=0.5)
    sam.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    logs = sam.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    weights, loss = sam_by_hand(0.1, 0.5, 0.1)
    np.testing.assert_allclose(sam.get_weights()[0], weights, rtol=1e-4)
    assert logs.history["loss"][0] == pytest.approx(loss, rel=1e-4)


def test_sam_with_a_tiny_step_up_is_the_optimizer_alone():
    """Dropout and batch normalization included: both passes draw the same mask."""
    plain = trained("sgd")
    sam = trained("sgd", lambda model: SAM(model, rho=1e-6))
    for one, other in zip(plain.get_weights(), sam.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.exhaustive
def test_a_saved_sam_goes_on(tmp_path):
    sam = trained("sgd", lambda model: SAM(model, rho=0.1), dropout=0)
    sam.save(tmp_path / "sam.keras")
    loaded = keras.saving.load_model(tmp_path / "sam.keras")
    for model in (sam, loaded):
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    for one, other in zip(sam.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(sam.predict(X, verbose=0), sam.model.predict(X, verbose=0))


@pytest.mark.slow
def test_members_of_a_population_may_be_sam():
    members = [{"seed": seed, "wrapper": lambda model: SAM(model, rho=0.5)} for seed in (0, 1)]
    population = Population(build, members, executor=LOOP)
    population.compile("sgd", "mse")
    population.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    alone = trained("sgd", lambda model: SAM(model, rho=0.5))
    for one, other in zip(population.member(0).get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_bad_arguments():
    for make in (
        lambda: Lookahead("sgd", sync_period=0),
        lambda: Lookahead("sgd", slow_step_size=2),
        lambda: LARS(weight_decay=-1),
        lambda: LARS(trust_coefficient=0),
        lambda: RectifiedAdam(amsgrad=True),
        lambda: SAM("model"),
        lambda: SAM(build(), rho=0),
    ):
        with pytest.raises(ValueError, match=r"Received: \w+="):
            make()
