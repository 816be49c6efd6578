"""Preprocessing: what it does to the covariance of images, to the loss and to training.

The pixels lie in [0, 1] ("raw"). Other arms subtract the mean image, divide by the standard
deviation as well, or whiten; `epsilon` is added to all variances, because some pixels are the same
in all images. All statistics are those of the training images.

Three things are measured. The correlations of all pairs of features. How much the loss of a softmax
regression changes when its weights are moved in a random direction by `perturbation` of their norm.
How many epochs a ReLU network needs for a training error of `target` %. Both networks are trained
by plain SGD with every learning rate of one grid, the same for all arms. Reported are the rate with
the lowest training loss (softmax regression) and the rate with the fewest epochs (ReLU network).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, provided, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import View, values
from benchmarks.preprocessing.views import ARMS, RAW, draw, table

PCA, ZCA = "PCA whitening", "ZCA whitening"
LESS = 0.05  # log10 of the change of the loss: about a tenth less
UNTRAINED = 1.0  # nats: the loss of a softmax regression that learned little
HALF = 0.3  # log10 of the mean absolute correlation: half


def grid(settings: Params) -> list[Params]:
    return [{**settings, "preprocessing": name} for name in ARMS]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """The softmax regression, whose learning rates are tuned."""
    return network(trial, (int(np.prod(input_shape)),), num_classes, hidden=0)


def network(trial: Trial, input_shape: Sequence[int], num_classes: int, *, hidden: int):
    import keras

    def dense(units: int, place: int, activation=None):
        initializer = keras.initializers.GlorotUniform(seed=trial.derive("kernel", layer=place))
        return keras.layers.Dense(units, activation, kernel_initializer=initializer)

    layers = [dense(hidden, 0, "relu")] if hidden else []
    return keras.Sequential([keras.Input(input_shape), *layers, dense(num_classes, 1)])


def layer(name: str, images: np.ndarray, epsilon: float):
    """The preprocessing, adapted to training images of shape (n, features)."""
    import keras

    from keras_ddl import layers

    if name == "standardized":
        variance = images.var(axis=0, dtype="float64") + epsilon
        mean = images.mean(axis=0, dtype="float64")
        adapted = keras.layers.Normalization(mean=mean, variance=variance)
        adapted.build(images.shape)
        return adapted
    makers = {
        RAW: keras.layers.Identity,
        "centred": layers.MeanImage,
        PCA: lambda: layers.PCAWhitening(epsilon=epsilon),
        ZCA: lambda: layers.ZCAWhitening(epsilon=epsilon),
    }
    made = makers[name]()
    if name != RAW:
        made.adapt(images)
    return made


def measure(trial: Trial, model, data) -> tuple[Metrics, Curves]:
    from keras import ops

    from benchmarks.preprocessing import training

    params, images = trial.params, data.train.x.reshape(len(data.train.x), -1)
    x = ops.convert_to_numpy(layer(params["preprocessing"], images, params["epsilon"])(images))
    x = x.astype("float32")
    classes = model.output_shape[-1]
    rates = (10.0 ** np.array(params["log10_rates"])).tolist()

    def trained(hidden: int, epochs: int):
        return training.train(
            lambda: network(trial, x.shape[1:], classes, hidden=hidden),
            x,
            data.train.y,
            rates,
            epochs=epochs,
            batch_size=params["batch_size"],
            points_per_epoch=params["points_per_epoch"],
            examples=params["curve_examples"],
            seed=trial.derive("order"),
        )

    population, curves = trained(0, params["regression_epochs"])
    best = training.lowest(curves, "train_loss")
    change, loss = training.sensitivity(
        population.member(best).get_weights(),
        x,
        data.train.y,
        size=params["perturbation"],
        draws=params["draws"],
        rng=np.random.default_rng(trial.derive("directions")),
    )
    _, of_hidden = trained(params["hidden"], params["epochs"])
    fastest, epochs = training.fastest(of_hidden, params["target"], params["epochs"])
    metrics = {
        **correlations(x),
        "loss": loss,
        "change": change,
        "log10_change": float(np.log10(change)),
        "regression_rate": rates[best],
        "epochs": epochs,
        "rate": rates[fastest],
        "reached": 100.0 * (min(of_hidden[fastest]["train_error"]) <= params["target"]),
    }
    kept = ("epochs", "train_error")
    return metrics, {name: of_hidden[fastest][name] for name in kept}


def correlations(x: np.ndarray) -> Metrics:
    """The mean absolute correlation of pairs of features that vary, and the spread of variances."""
    covariance = np.cov(x.astype("float64"), rowvar=False, bias=True)
    deviations = np.sqrt(np.diag(covariance))
    varying = deviations > 1e-3 * deviations.max()
    found = covariance[np.ix_(varying, varying)]
    found = found / np.outer(deviations[varying], deviations[varying])
    pairs = np.abs(found[np.triu_indices(len(found), 1)])
    variances = np.linalg.eigvalsh(covariance)
    correlation = max(float(pairs.mean()), 1e-12)
    return {
        "correlation": correlation,
        "log10_correlation": float(np.log10(correlation)),
        "largest_variance": float(variances[-1] / variances.mean()),
    }


def judge(records: Sequence[Record]) -> Verdict:
    def of(metric: str, name: str) -> Mapping[int, float]:
        return values(records, metric, preprocessing=name)

    findings = []
    for name in ARMS[1:]:
        what = f"log10 of the change of the loss, raw over {name}"
        less = paired_difference(of("log10_change", RAW), of("log10_change", name))
        findings.append(within(what, less, "", low=LESS))
    for name in (PCA, ZCA):
        what = f"log10 of the mean absolute correlation, raw over {name}"
        less = paired_difference(of("log10_correlation", RAW), of("log10_correlation", name))
        findings.append(within(what, less, "", low=HALF))
    trained = [
        within(
            f"loss of the softmax regression, {name}",
            mean_interval([*of("loss", name).values()]),
            "nats",
            high=UNTRAINED,
        )
        for name in ARMS
    ]
    return provided(trained, findings)


def expected(params: Params, effect: float) -> Metrics:
    """Half the change of the loss, and a tenth of the correlation."""
    raw, whitened = params["preprocessing"] == RAW, params["preprocessing"] in (PCA, ZCA)
    return {
        "loss": 0.3,
        "log10_change": 0.0 if raw else -toward(effect, 0.3, LESS),
        "log10_correlation": -toward(effect, 1.0, HALF) if whitened else 0.0,
    }


EXPERIMENT = Experiment(
    name="preprocessing",
    version=1,
    summary="correlations, sensitivity of the loss to the weights, and epochs, by preprocessing",
    profiles=profiles.load("preprocessing"),
    paper_dataset="MNIST",
    grid=grid,
    work=Measuring(measure, build),
    views=(
        View(
            axis="preprocessing",
            axis_title="preprocessing",
            metrics={
                "correlation": "mean absolute correlation",
                "change": "change of the loss",
                "epochs": "epochs to the training error",
            },
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "normalised-input",
            "the loss of a trained softmax regression changes at least a tenth less (our "
            "threshold) than on raw pixels when its weights are moved by a given share of their "
            "norm, if inputs are centred, standardized or whitened; PCA and ZCA whitening at least "
            "halve (our threshold) the mean absolute correlation of the features",
            judge,
            Effects(
                expected,
                noise={"loss": 0.01, "log10_change": 0.05, "log10_correlation": 0.05},
                source="no paper has such numbers: effect and noise are ours",
            ),
        ),
    ),
)
