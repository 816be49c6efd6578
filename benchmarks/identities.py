"""Statements that follow from definitions, checked on random numbers.

- Maxout computes ReLU and leaky ReLU, and has twice the parameters.
- The sum of n products w x of independent random numbers with mean 0 has the variance
  n Var(w) Var(x), from which Xavier's initializer follows.
- A bias before batch normalization has no effect on the output of the normalization.
- If the weights before batch normalization are multiplied by a, that output does not change, and
  the gradient of the weights is divided by a (Ioffe and Szegedy, 2015, section 3.3, arXiv
  1502.03167).
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.cli import main
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import View, values

SLOPE = 0.1  # slope of the leaky ReLU for negative inputs
SCALES = (0.1, 10.0, 100.0)  # values of a, the factor of the weights before batch normalization
ROUNDING = -5.0  # log10 of the largest relative difference that counts as rounding
# Gradients are small differences of large sums, so their rounding errors are larger.
ROUNDING_OF_GRADIENTS = -4.0


def grid(settings: Params) -> list[Params]:
    shared = without(settings, "inputs")
    return [
        {**shared, "statement": statement, "inputs": inputs}
        for statement in STATEMENTS
        for inputs in settings["inputs"]
    ]


def maxout(x: np.ndarray, units: int, rng: np.random.Generator) -> Metrics:
    """Compare `MaxoutDense` with pieces (w x + b, s (w x + b)) to ReLU (s = 0) and leaky ReLU."""
    import keras

    from keras_ddl.layers import MaxoutDense

    metrics: Metrics = {}
    for name, slope in (("relu", 0.0), ("leaky_relu", SLOPE)):
        activation = keras.layers.LeakyReLU(negative_slope=slope)
        dense = keras.layers.Dense(units, activation=activation)
        layer = MaxoutDense(units, num_pieces=2)
        dense.build(x.shape)
        layer.build(x.shape)
        kernel, bias = rng.normal(size=(x.shape[1], units)), rng.normal(size=units)
        dense.set_weights([kernel, bias])
        # `MaxoutDense` stores the pieces one after the other along the last axis.
        pieces = np.concatenate([kernel, slope * kernel], 1), np.concatenate([bias, slope * bias])
        layer.set_weights(list(pieces))
        metrics[f"log10_difference_{name}"] = difference(layer(x), dense(x))
    metrics["parameters"] = layer.count_params() / dense.count_params()
    return metrics


def variance(x: np.ndarray, units: int, rng: np.random.Generator) -> Metrics:
    """The variance of a dense layer's outputs, divided by n Var(w) Var(x)."""
    import keras

    dense = keras.layers.Dense(units, use_bias=False)
    dense.build(x.shape)
    kernel = rng.normal(scale=1 / np.sqrt(x.shape[1]), size=(x.shape[1], units))
    dense.set_weights([kernel])
    outputs = keras.ops.convert_to_numpy(dense(x))
    return {"variance_ratio": float(outputs.var() / (x.shape[1] * kernel.var() * x.var()))}


def bias(x: np.ndarray, units: int, rng: np.random.Generator) -> Metrics:
    """Compare batch normalization of w x + b to that of w x, in training mode."""
    import keras

    linear = (x @ rng.normal(size=(x.shape[1], units))).astype("float32")
    shifted = linear + linear.std() * rng.normal(size=units).astype("float32")
    with_bias, without = (
        keras.layers.BatchNormalization()(part, training=True) for part in (shifted, linear)
    )
    return {"log10_difference_bias": difference(with_bias, without)}


def scale(x: np.ndarray, units: int, rng: np.random.Generator) -> Metrics:
    """Compare networks with weights w and a w before batch normalization, for several factors a.

    Their outputs must be equal. The gradient with respect to w must equal the gradient with respect
    to (a w), multiplied by a. The gradient is measured as the change of the weights in one step of
    gradient descent. The learning rate is so large that rounding the weights does not affect it.
    """
    import keras

    kernel = rng.normal(scale=1 / np.sqrt(x.shape[1]), size=(x.shape[1], units))
    targets = rng.normal(size=(len(x), units)).astype("float32")
    rate = 1e6

    def outputs_and_gradient(a: float) -> tuple[np.ndarray, np.ndarray]:
        dense = keras.layers.Dense(units, use_bias=False)
        # The identity is exact only without epsilon.
        norm = keras.layers.BatchNormalization(epsilon=1e-9, center=False, scale=False)
        model = keras.Sequential([keras.Input((x.shape[1],)), dense, norm])
        # Compiling would take longer than the one step.
        model.compile(keras.optimizers.SGD(rate), "mean_squared_error", run_eagerly=True)
        dense.set_weights([a * kernel])
        outputs = keras.ops.convert_to_numpy(model(x, training=True))
        before = dense.get_weights()[0]
        model.train_on_batch(x, targets)
        return outputs, (before - dense.get_weights()[0]) / rate

    outputs, gradient = outputs_and_gradient(1.0)
    scaled = {a: outputs_and_gradient(a) for a in SCALES}
    return {
        "log10_difference_scaled": max(difference(out, outputs) for out, _ in scaled.values()),
        "log10_difference_gradient": max(
            difference(a * grad, gradient) for a, (_, grad) in scaled.items()
        ),
    }


def difference(one, other) -> float:
    """log10 of the largest difference, relative to the largest value; at least -12."""
    import keras

    one, other = (keras.ops.convert_to_numpy(part).astype("float64") for part in (one, other))
    return float(np.log10(max(np.abs(one - other).max() / np.abs(other).max(), 1e-12)))


STATEMENTS: dict[str, Callable[[np.ndarray, int, np.random.Generator], Metrics]] = {
    "maxout": maxout,
    "variance": variance,
    "bias before BN": bias,
    "weights before BN": scale,
}


def measure(trial: Trial) -> tuple[Metrics, Curves]:
    params = trial.params
    rng = np.random.default_rng(trial.derive("numbers"))
    x = rng.normal(size=(params["examples"], params["inputs"])).astype("float32")
    return STATEMENTS[params["statement"]](x, params["units"], rng), {}


def _largest_by_repetition(records: Sequence[Record], metric: str) -> list[float]:
    """A metric's largest value over all numbers of inputs, for each repetition."""
    sizes = sorted({record.trial.params["inputs"] for record in records})
    by_size = [values(records, metric, inputs=size) for size in sizes]
    repetitions = sorted({key for seeds in by_size for key in seeds})
    return [max(seeds[key] for seeds in by_size if key in seeds) for key in repetitions]


def judge_maxout(records: Sequence[Record]) -> Verdict:
    findings = [
        within(
            f"log10 of the largest difference, maxout and {name}, relative",
            mean_interval(_largest_by_repetition(records, f"log10_difference_{metric}")),
            "",
            high=ROUNDING,
        )
        for name, metric in (("ReLU", "relu"), ("leaky ReLU", "leaky_relu"))
    ]
    ratio = mean_interval(_largest_by_repetition(records, "parameters"))
    return all_of(
        [
            *findings,
            within("parameters, maxout / dense", ratio, "times", low=2, high=2, stated=True),
        ]
    )


def judge_variance(records: Sequence[Record]) -> Verdict:
    sizes = sorted({record.trial.params["inputs"] for record in records})
    findings = []
    for size in sizes:
        ratios = values(records, "variance_ratio", statement="variance", inputs=size)
        what = f"Var(s) / (n Var(w) Var(x)), n = {size}"
        findings.append(within(what, mean_interval([*ratios.values()]), "", low=0.95, high=1.05))
    return all_of(findings)


def judge_bias(records: Sequence[Record]) -> Verdict:
    largest = mean_interval(_largest_by_repetition(records, "log10_difference_bias"))
    what = "log10 of the largest difference, BN with and without the bias before it, relative"
    return all_of([within(what, largest, "", high=ROUNDING)])


def judge_scale(records: Sequence[Record]) -> Verdict:
    findings = []
    for what, metric, most in (
        ("BN of a w x and of w x", "scaled", ROUNDING),
        ("a times the gradient of a w, and the gradient of w", "gradient", ROUNDING_OF_GRADIENTS),
    ):
        largest = mean_interval(_largest_by_repetition(records, f"log10_difference_{metric}"))
        about = f"log10 of the largest difference, {what}, relative, a from .1 to 100"
        findings.append(within(about, largest, "", high=most))
    return all_of(findings)


def expected(params: Params, effect: float) -> Metrics:
    """Rounding errors; if a statement is false, what counts as one, or more."""
    return {
        "maxout": {
            "log10_difference_relu": toward(effect, -7.0, ROUNDING),
            "log10_difference_leaky_relu": toward(effect, -7.0, ROUNDING),
            "parameters": toward(effect, 2.0, 2.1),
        },
        "variance": {"variance_ratio": toward(effect, 1.0, 1.05)},
        "bias before BN": {"log10_difference_bias": toward(effect, -6.5, ROUNDING)},
        "weights before BN": {
            "log10_difference_scaled": toward(effect, -6.0, ROUNDING),
            "log10_difference_gradient": toward(effect, -5.4, ROUNDING_OF_GRADIENTS),
        },
    }[params["statement"]]


EFFECTS = Effects(
    expected,
    noise={
        "log10_difference_leaky_relu": 0.1,
        "variance_ratio": 0.005,
        "log10_difference_bias": 0.15,
        "log10_difference_scaled": 0.1,
        "log10_difference_gradient": 0.1,
    },
    source="float32's rounding; noise: the stored records",
)


EXPERIMENT = Experiment(
    name="identities",
    version=1,
    summary="statements that follow from definitions: maxout, variance of a sum, blindness of BN",
    profiles=profiles.load("identities"),
    paper_dataset=RandomNumbers.title,
    grid=grid,
    work=Measuring(measure),
    load=RandomNumbers,
    views=(
        View(
            axis="inputs",
            axis_title="inputs n",
            metrics={
                "log10_difference_relu": "log10 difference, maxout and ReLU",
                "log10_difference_leaky_relu": "log10 difference, maxout and leaky ReLU",
                "parameters": "parameters, maxout / dense",
                "variance_ratio": "Var(s) / (n Var(w) Var(x))",
                "log10_difference_bias": "log10 difference, BN with and without bias",
                "log10_difference_scaled": "log10 difference, BN of a w x and of w x",
                "log10_difference_gradient": "log10 difference, a times the gradient of a w",
            },
            split_by=("statement",),
        ),
    ),
    claims=(
        Claim(
            "maxout-general",
            "maxout computes ReLU and leaky ReLU (but for 1e-5) with twice the parameters",
            judge_maxout,
            EFFECTS,
        ),
        Claim("xavier-variance", "Var(s) = n Var(w) Var(x), within 5 %", judge_variance, EFFECTS),
        Claim(
            "bn-bias-free",
            "BN's output does not depend on the preceding bias (but for rounding, 1e-5)",
            judge_bias,
            EFFECTS,
        ),
        Claim(
            "bn-scale",
            "BN's output does not depend on the scale a of the weights (but for 1e-5), and their "
            "gradients fall by 1/a (but for 1e-4)",
            judge_scale,
            EFFECTS,
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
