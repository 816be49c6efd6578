"""Saddle points with and without gradient noise.

Two surfaces, both minimized by plain SGD. "plane": x^2 / 2 - y^2 / 2 + y^4 / 4, from a point at
distance `offset` from the ridge y = 0, along which descent goes to the saddle; the noise is normal.
"principal component": one linear unit fits the covariance C of images by w w', from the saddle at
the second principal direction; the noise is that of minibatches, whose covariance differs from C. A
descent has left the saddle when it is half as low as the minima.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import Section, Table, View, arm, groups, values

PLANE, COMPONENT = "plane", "principal component"
FULL = "all images"
NEAR = 1e-3  # from the ridge: where plain descent is said to linger
FEWER = 0.05  # log10 of steps: about a tenth fewer


def grid(settings: Params) -> list[Params]:
    lists = ("offsets", "noises", "batches")
    rest = without(settings, *lists)
    plane: list[Params] = [
        {"surface": PLANE, "offset": offset, "noise": noise}
        for offset in settings["offsets"]
        for noise in settings["noises"]
    ]
    component = [{"surface": COMPONENT, "batch": batch} for batch in settings["batches"]]
    return [{**rest, **arm} for arm in (*plane, *component)]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """One linear unit without a bias. Each descent starts its weights at a saddle."""
    import keras

    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(1, use_bias=False)]
    )


def measure(trial: Trial, model, data) -> tuple[Metrics, Curves]:
    most = trial.params["most_steps"]
    if trial.params["surface"] == PLANE:
        steps = _on_the_plane(trial, most)
    else:
        steps = _for_a_component(trial, model, data.train.x, most)
    left = steps > 0
    steps = np.where(left, steps, most)
    return {
        "steps": float(steps.mean()),
        "log10_steps": float(np.log10(steps).mean()),
        "left": float(100 * left.mean()),
    }, {}


def _on_the_plane(trial: Trial, most: int) -> np.ndarray:
    from benchmarks.optimizers import descent, surfaces

    params = trial.params
    rng = np.random.default_rng(trial.derive("noise"))
    noise = params["noise"] * rng.normal(size=(most, params["runs"], 2)).astype("float32")
    starts = np.tile((1.0, params["offset"]), (params["runs"], 1))
    found = descent.descend(
        "SGD", surfaces.SADDLE, starts, [params["rate"]], most_steps=most, data=(noise,)
    )
    return found.steps[0]


def _for_a_component(trial: Trial, model, x: np.ndarray, most: int) -> np.ndarray:
    from benchmarks.optimizers import descent, surfaces

    params = trial.params
    images = x.reshape(len(x), -1).astype("float64")
    images -= images.mean(axis=0)
    covariance = images.T @ images / len(images)
    variances, directions = np.linalg.eigh(covariance)
    second, first = variances[-2:]
    halfway = -(first**2 + second**2) / 8  # the minima are at -first^2 / 4, and so on
    model.layers[-1].set_weights([np.sqrt(second) * directions[:, -2:-1]])
    start = model.layers[-1].get_weights()[0].T
    data: list[Any] = [covariance.astype("float32"), np.float32(halfway)]
    surface, runs = surfaces.COMPONENT, 1
    if params["batch"] != FULL:
        surface, runs = surfaces.COMPONENT_BY_BATCHES, params["batch_runs"]
        rng = np.random.default_rng(trial.derive("order"))
        order = rng.integers(len(images), size=(most, runs, params["batch"]))
        data += [images.astype("float32"), order.astype("int32")]
    starts = np.repeat(start, runs, axis=0)
    rates = [params["rate"] / first]
    return descent.descend("SGD", surface, starts, rates, most_steps=most, data=data).steps[0]


def judge(records: Sequence[Record]) -> Verdict:
    """Near the ridge, and at the saddle of the images."""
    on_the_ridge = values(records, "left", surface=PLANE, offset=0.0, noise=0.0)
    what = "on the ridge, without noise: descents that leave the saddle"
    findings = [within(what, mean_interval([*on_the_ridge.values()]), "%", high=0)]
    noises = [noise for (noise,) in groups(_on(records, PLANE), ("noise",)) if noise > 0]
    for (offset,) in groups(_on(records, PLANE), ("offset",)):
        if offset > NEAR:
            continue
        still = values(records, "log10_steps", surface=PLANE, offset=offset, noise=0.0)
        for noise in noises:
            noisy = values(records, "log10_steps", surface=PLANE, offset=offset, noise=noise)
            what = f"{offset:g} from the ridge: log10 of steps without noise over noise {noise:g}"
            findings.append(within(what, paired_difference(still, noisy), "", low=FEWER))
    whole = values(records, "log10_steps", surface=COMPONENT, batch=FULL)
    for (batch,) in groups(_on(records, COMPONENT), ("batch",)):
        if batch == FULL:
            continue
        noisy = values(records, "log10_steps", surface=COMPONENT, batch=batch)
        what = f"principal component: log10 of steps with all images over batches of {batch:,}"
        findings.append(within(what, paired_difference(whole, noisy), "", low=FEWER))
    return all_of(findings)


def _on(records: Sequence[Record], surface: str) -> list[Record]:
    return [record for record in records if record.trial.params["surface"] == surface]


def expected(params: Params, effect: float) -> dict[str, float]:
    """Noise halves the steps, and nothing leaves from the ridge without it."""
    if params["surface"] == COMPONENT:
        saved = 0.0 if params["batch"] == FULL else toward(effect, 1.0, FEWER)
        return {"log10_steps": 3.0 - saved}
    saved = toward(effect, 0.3, FEWER) if params["noise"] else 0.0
    return {"log10_steps": 3.0 - saved, "left": 50 * (1 - effect)}


def table(section: Section) -> Table:
    """Steps to leave by distance to the ridge and noise, or by batch size."""
    records = section.records
    if records[0].trial.params["surface"] == PLANE:
        noises = [noise for (noise,) in groups(records, ("noise",))]
        headers = ["distance to the ridge", *(f"noise {noise:g}: steps" for noise in noises)]
        rows: list[list[Any]] = [
            [f"{offset:g}", *(steps(arm(found, noise=noise)) for noise in noises)]
            for (offset,), found in groups(records, ("offset",)).items()
        ]
    else:
        headers = ["images in a batch", "steps"]
        rows = [
            [batch if batch == FULL else f"{batch:,}", steps(found)]
            for (batch,), found in groups(records, ("batch",)).items()
        ]
    seeds = len({record.trial.repetition for record in records})
    return [*headers, "seeds"], [[*row, seeds] for row in rows]


def steps(found: Sequence[Record]) -> str:
    """Mean steps with their interval; the cap where some did not leave."""
    most = found[0].trial.params["most_steps"]
    left = np.mean([record.metrics["left"] for record in found])
    if not left:
        return f"none in {most:,}"
    lost = f" ({100 - left:.0f} % not in {most:,})" if left < 100 else ""
    interval = mean_interval([record.metrics["steps"] for record in found])
    half = "" if np.isnan(interval.half) else f" ± {interval.half:,.0f}"
    return f"{interval.mean:,.0f}{half}{lost}"


def draw(section: Section, figure) -> None:
    """Steps to leave against the noise, or against the batch size."""
    axes = figure.subplots()
    records, most = section.records, section.records[0].trial.params["most_steps"]
    if records[0].trial.params["surface"] == PLANE:
        for (offset,), found in groups(records, ("offset",)).items():
            _line(axes, found, "noise", label=f"{offset:g} from the ridge")
        axes.set(xlabel="standard deviation of the gradient's noise")
        axes.axhline(most, color="grey", linestyle=":", label="the run's end: not left")
        axes.legend(fontsize="small")
    else:
        _line(axes, records, "batch", label=None)
        axes.set(xlabel="images in a batch")
    axes.set(yscale="log", ylabel="steps until the saddle is left")


def _line(axes, records: Sequence[Record], name: str, label: str | None) -> None:
    from benchmarks.harness.results.plots import draw_means  # matplotlib

    steps_by_value = {
        f"{value:g}" if isinstance(value, float) else f"{value}": [
            record.metrics["steps"] for record in found
        ]
        for (value,), found in groups(records, (name,)).items()
    }
    draw_means(axes, steps_by_value, label=label, linestyle="-")


EXPERIMENT = Experiment(
    name="saddle_noise",
    version=1,
    summary="steps until plain SGD leaves a saddle point, with and without gradient noise",
    profiles=profiles.load("saddle_noise"),
    paper_dataset="MNIST",
    grid=grid,
    work=Measuring(measure, build),
    views=(
        View(
            axis="noise",
            axis_title="noise",
            metrics={"steps": "steps until the saddle is left", "left": "descents that left %"},
            split_by=("surface",),
            series=("offset", "batch"),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "saddle-noise",
            "plain descent that starts on the ridge never leaves (in the steps run); within 0.001 "
            "of it, and at a saddle of the images' first principal component, gradient noise saves "
            "at least a tenth of the steps (our thresholds)",
            judge,
            Effects(
                expected,
                noise={"log10_steps": 0.04},
                source="no paper has such numbers: the effect is ours; noise: the stored records",
            ),
        ),
    ),
)
