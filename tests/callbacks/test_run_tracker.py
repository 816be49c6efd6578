"""RunTracker: each tool's files are read back with the tool's own reader."""

import importlib.util
import struct

import keras
import numpy as np
import pytest

from keras_ddl import Population
from keras_ddl.callbacks import GradientStats, RunTracker

pytestmark = [
    pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning"),
    # The tools' own warnings.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X[:, :1]
LOOP = "loop" if keras.backend.backend() == "torch" else "auto"


def installed(tool):
    """Skips the test if the tracker is not installed."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"the tracker {tool} is not installed: pip install {tool}")


def build(seed):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="dense")])


def one_run(tracker):
    model = build(0)
    model.compile("sgd", "mse")
    fitted = model.fit(
        X, Y, epochs=3, verbose=0, callbacks=[GradientStats(), tracker], validation_data=(X, Y)
    )
    return fitted.history


def four_runs(tracker):
    population = Population(build, [{"seed": seed} for seed in range(4)], executor=LOOP)
    population.compile("sgd", "mse", learning_rate=[0.01, 0.02, 0.03, 0.04])
    return population.fit(X, Y, epochs=2, verbose=0, callbacks=[tracker]).history["loss"]


class Noted:
    """A run that notes what it receives."""

    runs: list = []  # noqa: RUF012  (a test's record)

    def __init__(self, folder, project, name, config):
        self.name, self.config, self.logged, self.others, self.closed = name, config, [], [], False
        self.runs.append(self)

    def log(self, values, step):
        self.logged.append((step, values))

    def histogram(self, name, values, step):
        self.others.append((name, np.shape(values), step))

    def figure(self, name, figure, step):
        self.others.append((name, figure, step))

    def close(self):
        self.closed = True


def test_all_logs_weights_and_figures_of_each_epoch(tmp_path):
    Noted.runs.clear()
    tracker = RunTracker(
        Noted,
        tmp_path,
        name="mine",
        config={"rate": 0.01},
        histograms=True,
        figures={"drawing": lambda model: len(model.layers)},
    )
    history = one_run(tracker)
    (run,) = Noted.runs
    assert (run.name, run.config, run.closed) == ("mine", {"rate": 0.01}, True)
    assert [step for step, _ in run.logged] == [0, 1, 2]
    for step, values in run.logged:
        assert values == {name: pytest.approx(values[step]) for name, values in history.items()}
        assert {"loss", "val_loss", "gradient_norm/dense"} <= set(values)
    assert ("drawing", 1, 2) in run.others
    assert sum(shape == (4, 1) for _, shape, _ in run.others if shape != 1) == 3


@pytest.mark.slow
def test_members_of_a_population_are_runs(tmp_path):
    Noted.runs.clear()
    configs = [{"seed": seed} for seed in range(4)]
    losses = four_runs(RunTracker(Noted, tmp_path, name="all", config=configs))
    assert [run.name for run in Noted.runs] == ["all-0", "all-1", "all-2", "all-3"]
    assert [run.config for run in Noted.runs] == configs
    for place, run in enumerate(Noted.runs):
        found = [values["loss"] for _, values in run.logged]
        assert found == pytest.approx([epoch[place] for epoch in losses])
    with pytest.raises(ValueError, match=r"each of the 4 runs.*Received: 3"):
        four_runs(RunTracker(Noted, tmp_path, config=configs[:3]))


def test_tensorboard(tmp_path):
    installed("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def draw(model):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2, 1), dpi=50)
        figure.subplots().plot([1, 2])
        return figure

    tracker = RunTracker(
        "tensorboard", tmp_path, name="one", histograms=True, figures={"line": draw}
    )
    history = one_run(tracker)
    read = EventAccumulator(str(tmp_path / "keras" / "one")).Reload()
    assert set(read.Tags()["scalars"]) == set(history)
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [
        (step, pytest.approx(value, rel=1e-6)) for step, value in enumerate(history["loss"])
    ]
    (tag, *_) = [tag for tag in read.Tags()["histograms"] if "kernel" in tag]
    histogram = read.Histograms(tag)[-1].histogram_value
    assert histogram.num == sum(histogram.bucket) == 4
    image = read.Images("line")[-1]
    assert (image.width, image.height) == (100, 50)
    assert image.encoded_image_string.startswith(b"\x89PNG")
    losses = four_runs(RunTracker("tensorboard", tmp_path, "population", name="p"))
    for place in range(4):
        read = EventAccumulator(str(tmp_path / "population" / f"p-{place}")).Reload()
        found = [event.value for event in read.Scalars("loss")]
        assert found == pytest.approx([epoch[place] for epoch in losses])


def wandb_records(data):
    """The records of an offline run: W&B's messages in the log format of LevelDB.

    The readers of recent versions are not written in Python.
    """
    from wandb.proto import wandb_internal_pb2

    block, place, parts = 2**15, 7, []  # the file has a header of 7 bytes
    while place + 7 <= len(data):
        if block - place % block < 7:  # too short for a record's header
            place += block - place % block
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        parts.append(data[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in {1, 4}:  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


@pytest.mark.slow
def test_wandb(tmp_path, monkeypatch):
    installed("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    losses = four_runs(RunTracker("wandb", tmp_path, "project", name="p", config={"a": 1}))
    files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    found = {}
    for file in files:
        name = None
        for record in wandb_records(file.read_bytes()):
            if record.HasField("run"):
                name = record.run.display_name
            for item in record.history.item if record.HasField("history") else ():
                if (item.key or ".".join(item.nested_key)) == "loss":
                    found.setdefault(name, []).append(float(item.value_json))
    assert sorted(found) == ["p-0", "p-1", "p-2", "p-3"]
    for place in range(4):
        assert found[f"p-{place}"] == pytest.approx([epoch[place] for epoch in losses])


@pytest.mark.slow
def test_mlflow(tmp_path):
    installed("mlflow")
    from mlflow.tracking import MlflowClient

    losses = four_runs(RunTracker("mlflow", tmp_path, "project", name="p", config={"a": 1}))
    client = MlflowClient(tracking_uri=tmp_path.as_uri())
    experiment = client.get_experiment_by_name("project")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["p-0", "p-1", "p-2", "p-3"]
    for place in range(4):
        run = runs[f"p-{place}"]
        assert (run.info.status, run.data.params) == ("FINISHED", {"a": "1"})
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [one.step for one in history] == [0, 1]
        assert [one.value for one in history] == pytest.approx([e[place] for e in losses])


def test_errors():
    with pytest.raises(ValueError, match="`tool` must be one of"):
        RunTracker("excel")


def test_a_missing_tool_is_named(tmp_path, monkeypatch):
    from keras_ddl.callbacks.trackers import wandb_run

    def missing(name, user):
        raise ImportError(f"{user} needs {name}")

    monkeypatch.setattr(wandb_run, "optional", missing)
    with pytest.raises(ImportError, match="RunTracker needs wandb"):
        one_run(RunTracker("wandb", tmp_path))
