"""Decays, cycles and warm-up: their values, their configs, and inside a compiled step."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ddl.schedules import (
    Cyclical,
    InverseSqrtDecay,
    LinearDecay,
    OneCycle,
    StepDecay,
    WarmUp,
)

ALL = [
    StepDecay(0.8, 10, 0.5),
    LinearDecay(1.0, 50, 0.2),
    InverseSqrtDecay(1.0, 5),
    Cyclical(0.1, 0.9, 8, "triangular2"),
    Cyclical(0.1, 0.9, 8, "exp_range", 0.99),
    Cyclical(0.1, 0.9, 8, "exp_cycle", 0.5),
    OneCycle(0.5, 40, final_value=0.001),
    WarmUp(LinearDecay(1.0, 50), 7, start=0.1),
    WarmUp(0.3, 7),
]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (StepDecay(0.8, 10, 0.5), {0: 0.8, 9: 0.8, 10: 0.4, 25: 0.2}),
        (StepDecay(1.0, 2), {1: 1.0, 2: 0.1, 4: 0.01}),
        (LinearDecay(1.0, 50), {0: 1.0, 25: 0.5, 50: 0.0, 99: 0.0}),
        (LinearDecay(0.5, 10, 0.9), {5: 0.7, 20: 0.9}),
        (InverseSqrtDecay(2.0), {0: 2.0, 3: 1.0, 99: 0.2}),
        (InverseSqrtDecay(2.0, 10), {30: 1.0}),
        (Cyclical(0.1, 0.9, 10), {0: 0.1, 5: 0.5, 10: 0.9, 15: 0.5, 20: 0.1, 30: 0.9}),
        (Cyclical(0.0, 1.0, 10, "triangular2"), {10: 1.0, 20: 0.0, 30: 0.5, 50: 0.25}),
        (Cyclical(0.0, 1.0, 10, "exp_cycle", 0.9), {5: 0.5, 10: 1.0, 30: 0.9, 45: 0.5 * 0.81}),
        (Cyclical(0.0, 1.0, 10, "exp_range", 0.9), {10: 0.9**10, 30: 0.9**30, 40: 0.0}),
        (OneCycle(1.0, 100), {0: 0.04, 29: 1.0, 64: 0.500002, 99: 4e-6, 200: 4e-6}),
        (OneCycle(1.0, 10, 0.5, 0.0, rise=0), {0: 1.0, 3: 0.75, 9: 0.0, 10: 0.0}),
        (OneCycle(1.0, 10, 0.0, 0.0, rise=1), {0: 0.0, 3: 0.25, 9: 1.0}),
        (WarmUp(LinearDecay(1.0, 10), 4), {0: 0.0, 2: 0.5, 4: 1.0, 9: 0.5, 14: 0.0}),
        (WarmUp(0.3, 10, start=0.1), {0: 0.1, 5: 0.2, 10: 0.3, 99: 0.3}),
    ],
)
def test_values(schedule, expected):
    found = [float(schedule(step)) for step in expected]
    assert found == pytest.approx(list(expected.values()), rel=1e-5, abs=1e-7)


def test_the_momentum_of_one_cycle_mirrors_its_rate():
    momentum = OneCycle(1.0, 100).momentum(low=0.8, high=0.9)
    assert [float(momentum(s)) for s in (0, 29, 64, 99)] == pytest.approx([0.9, 0.8, 0.85, 0.9])


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_round_trip_through_its_config(schedule):
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    for step in (0, 6, 33):
        assert float(loaded(step)) == float(schedule(step))


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 1000),
    st.integers(0, 10_000),
    st.sampled_from(["triangular", "triangular2", "exp_range"]),
)
def test_cycles_stay_within_their_bounds(one, two, step_size, step, mode):
    low, high = sorted((one, two))
    value = float(Cyclical(low, high, step_size, mode)(step))
    assert low - 1e-6 <= value <= high + 1e-6


def test_the_integer_step_of_a_compiled_optimizer_is_taken():
    """Weights after a `fit` with gradient 1 are minus the sum of all rates."""
    for schedule in (WarmUp(Cyclical(0.1, 0.5, 2), 2), OneCycle(0.5, 6)):
        model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
        )
        model.compile(keras.optimizers.SGD(schedule), lambda y, prediction: prediction)
        model.fit(np.ones((6, 1)), np.ones((6, 1)), batch_size=1, verbose=0)
        expected = -sum(float(schedule(step)) for step in range(6))
        assert model.get_weights()[0].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: StepDecay(0.1, 0), "step_size"),
        (lambda: StepDecay(0.1, 10, -0.1), "factor"),
        (lambda: LinearDecay(0.1, -5), "decay_steps"),
        (lambda: InverseSqrtDecay(0.1, 0), "decay_steps"),
        (lambda: Cyclical(0.1, 0.2, 0), "step_size"),
        (lambda: Cyclical(0.1, 0.2, 5, "square"), "mode"),
        (lambda: OneCycle(0.1, True), "total_steps"),
        (lambda: OneCycle(0.1, 10, rise=2), "rise"),
        (lambda: OneCycle(0.1, 10).momentum(low=-1), "low"),
        (lambda: WarmUp(0.1, float("nan")), "warm_up_steps"),
        (lambda: WarmUp("linear", 10), "schedule"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be.*Received: {name}="):
        make()


@pytest.mark.parametrize(("total", "rise"), [(100, 0.3), (37, 0.25), (10, 0.5)])
def test_one_cycle_has_the_values_of_pytorch_s(total, rise):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.5, total_steps=total, pct_start=rise
    )
    expected = []
    for step in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < total - 1:
            reference.step()
    cycle = OneCycle(0.5, total, rise=rise)
    found = [float(cycle(step)) for step in range(total)]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-8)
    assert found[-1] == pytest.approx(cycle.final_value, abs=1e-8)
