"""LearningRateSchedule and LearningRateFinder."""

import math
import sys

import keras
import numpy as np
import pytest

from keras_ddl.callbacks import LearningRateFinder, LearningRateSchedule, TrainingWarning
from keras_ddl.schedules import LinearDecay, StepDecay


def rate(model):
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def weights_after(model, blobs, callbacks=()):
    keras.utils.set_random_seed(5)
    history = model.fit(*blobs, batch_size=8, epochs=2, verbose=0, callbacks=list(callbacks))
    return model.get_weights(), history.history


def test_a_schedule_per_step_is_as_if_compiled_with_it(classifier, blobs):
    schedule = LinearDecay(0.2, 12)
    compiled, _ = weights_after(classifier(keras.optimizers.SGD(schedule)), blobs)
    model = classifier(keras.optimizers.SGD(0.05))
    plain = model.optimizer
    late, logs = weights_after(model, blobs, [LearningRateSchedule(schedule)])
    for a, b in zip(compiled, late, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert logs["learning_rate"] == pytest.approx([0.2 * 7 / 12, 0.2 / 12])
    assert model.optimizer is plain
    # The next schedule begins anew, and is not the one that was traced before.
    _, logs = weights_after(model, blobs, [LearningRateSchedule(LinearDecay(0.4, 24))])
    assert logs["learning_rate"] == pytest.approx([0.4 * 19 / 24, 0.4 * 13 / 24])
    model.optimizer.learning_rate = 0.01
    assert rate(model) == pytest.approx(0.01)


def test_a_schedule_per_epoch(classifier, blobs):
    callback = LearningRateSchedule(StepDecay(0.1, 1, 0.5), per="epoch")
    _, logs = weights_after(classifier(), blobs, [callback])
    assert logs["learning_rate"] == pytest.approx([0.1, 0.05])


@pytest.mark.parametrize(
    "make", [lambda: LearningRateSchedule(LinearDecay(1.0, 5)), LearningRateFinder]
)
def test_a_second_schedule_is_refused(make, classifier, blobs):
    model = classifier(keras.optimizers.Adam(LinearDecay(0.1, 10)))
    with pytest.raises(ValueError, match=r"is already a schedule.*Received: learning_rate=Lin"):
        model.fit(*blobs, verbose=0, callbacks=[make()])


def test_two_callbacks_with_schedules_are_refused(classifier, blobs):
    model = classifier()
    twice = [LearningRateSchedule(LinearDecay(1.0, 5)), LearningRateSchedule(LinearDecay(1.0, 9))]
    with pytest.raises(ValueError, match="use one such callback"):
        model.fit(*blobs, verbose=0, callbacks=twice)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("fast",), "`schedule` must be"), ((LinearDecay(1.0, 5), "batch"), "`per` must be one of")],
)
def test_bad_arguments_of_the_schedule_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LearningRateSchedule(*arguments)


def test_the_finder_leaves_the_model_as_it_was_and_finds_a_rate_that_works(classifier, blobs):
    model = classifier(keras.optimizers.SGD(0.05, momentum=0.9))
    weights_after(model, blobs)
    kept = [
        keras.ops.convert_to_numpy(v).copy() for v in (*model.variables, *model.optimizer.variables)
    ]
    finder = LearningRateFinder(1e-5, 100.0, steps=60)
    model.fit(*blobs, batch_size=8, epochs=60, verbose=0, callbacks=[finder])
    metrics = {id(v) for v in model.metrics_variables}
    now = [*model.variables, *model.optimizer.variables]
    for before, variable in zip(kept, now, strict=True):
        if id(variable) not in metrics:  # `fit` itself resets these
            np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(variable))
    assert len(finder.rates) == len(finder.losses) <= 60
    assert finder.rates == sorted(finder.rates)
    assert finder.rates[0] == pytest.approx(1e-5)
    assert finder.losses[-1] > 2 * min(finder.losses)  # it blew up
    assert 1e-4 < finder.suggestion < 10
    fresh = classifier()
    before = fresh.evaluate(*blobs, verbose=0)
    fresh.optimizer.learning_rate = finder.suggestion
    weights_after(fresh, blobs)
    assert fresh.evaluate(*blobs, verbose=0) < before


def test_the_finder_plots(classifier, blobs, tmp_path, picture_size):
    finder = LearningRateFinder(1e-3, 1.0, steps=12)
    classifier().fit(*blobs, batch_size=8, epochs=12, verbose=0, callbacks=[finder])
    finder.plot().savefig(tmp_path / "rates.png")
    assert picture_size(tmp_path / "rates.png") >= (400, 300)


def test_a_fit_too_short_for_the_finder_warns(classifier, blobs):
    finder = LearningRateFinder(1e-3, 0.1, steps=50)
    with pytest.warns(TrainingWarning, match="more epochs, such as epochs=50|never fell"):
        classifier().fit(*blobs, batch_size=8, epochs=2, verbose=0, callbacks=[finder])


def test_without_matplotlib_the_plot_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"LearningRateFinder.plot needs matplotlib.*pip install"):
        LearningRateFinder().plot()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minimum": 0}, "`minimum` must be"),
        ({"minimum": 1.0, "maximum": 0.1}, "`maximum` must be above"),
        ({"steps": 1}, "`steps` must be an integer above 1"),
        ({"smoothing": 1}, r"`smoothing` must be in \[0, 1\)"),
        ({"blow_up": -1}, "`blow_up` must be"),
    ],
)
def test_bad_arguments_of_the_finder_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LearningRateFinder(**arguments)


class Rates(keras.callbacks.Callback):
    """Records the rate that each batch was trained with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.seen.append(rate(self.model))


@pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning")
def test_the_finder_records_the_rates_that_accumulated_gradients_are_applied_with(
    classifier, blobs
):
    model = classifier(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    finder, rates = LearningRateFinder(1e-4, 100, steps=12, blow_up=1e9), Rates()
    model.fit(*blobs, batch_size=8, epochs=20, verbose=0, callbacks=[finder, rates])
    assert len(rates.seen) == 48
    assert finder.rates == pytest.approx(rates.seen[3::4], rel=1e-4)
    assert finder.rates[-1] == pytest.approx(100, rel=1e-4)


@pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning")
def test_the_finder_weighs_batches_by_their_sizes(classifier, blobs):
    x, y = blobs
    model = classifier(keras.optimizers.SGD(0.1))
    sizes = [4, 32, 4, 32, 8]
    starts = np.cumsum([0, *sizes[:-1]])

    def batches():
        while True:
            for start, size in zip(starts, sizes, strict=True):
                rows = np.arange(start, start + size) % len(x)
                yield x[rows], y[rows]

    expected = []
    for start, size in zip(starts, sizes, strict=True):
        rows = np.arange(start, start + size) % len(x)
        # A rate of next to nothing and no dropout at inference: the loss is that of the weights.
        expected.append(model.evaluate(x[rows], y[rows], verbose=0, batch_size=64))
    model.get_layer(index=1).rate = 0.0
    finder = LearningRateFinder(1e-12, 1e-11, steps=5, smoothing=0.0, blow_up=1e9)
    model.fit(batches(), steps_per_epoch=5, epochs=1, shuffle=False, verbose=0, callbacks=[finder])
    assert finder.losses == pytest.approx(expected, rel=1e-4)


SCHEDULES = {
    "operations": lambda step: 0.1 * keras.ops.exp(-0.1 * keras.ops.cast(step, "float32")),
    "power": lambda step: 0.1 * 0.9**step,
    "negative power": lambda step: 0.5 * 2**-step,
    "constant": lambda step: 0.05,
    "branch": lambda step: 0.1 if step < 3 else 0.01,
    "math": lambda step: 0.1 * math.exp(-step),
    "table": lambda step: [0.1, 0.2, 0.3][step % 3],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_may_be_any_function(name, classifier, blobs):
    rates = Rates()
    callbacks = [LearningRateSchedule(SCHEDULES[name]), rates]
    classifier().fit(*blobs, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
    expected = [float(keras.ops.convert_to_numpy(SCHEDULES[name](step))) for step in range(12)]
    assert rates.seen == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("per", ["step", "epoch"])
@pytest.mark.parametrize("branch", [False, True])
def test_a_schedule_may_take_the_last_rate(per, branch, classifier, blobs):
    def schedule(count, lr):
        if branch and count < 1:
            return lr
        return lr * 0.5

    callback = LearningRateSchedule(schedule, per=per)
    logs = classifier().fit(*blobs, batch_size=16, epochs=2, verbose=0, callbacks=[callback])
    halvings = (3, 6) if per == "step" else (1, 2)
    expected = [0.1 * 0.5 ** (times - branch) for times in halvings]
    assert logs.history["learning_rate"] == pytest.approx(expected)


@pytest.mark.parametrize("schedule", [LinearDecay(0.2, 24), lambda s: 0.2 - s / 120 if s else 0.2])
def test_a_later_epoch_begins_at_its_step(schedule, classifier, blobs):
    model, rates = classifier(keras.optimizers.SGD(0.5)), Rates()
    model.fit(*blobs, batch_size=8, verbose=0)  # what was trained before does not count
    callbacks = [LearningRateSchedule(schedule), rates]
    model.fit(*blobs, batch_size=8, initial_epoch=2, epochs=3, verbose=0, callbacks=callbacks)
    assert rates.seen == pytest.approx([0.2 - step / 120 for step in range(12, 18)], rel=1e-4)


@pytest.mark.parametrize("backup_first", [False, True])
def test_a_resumed_run_goes_on_with_the_schedule(backup_first, classifier, blobs, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def run(*more):
        callbacks = [
            keras.callbacks.BackupAndRestore(str(tmp_path)),
            LearningRateSchedule(LinearDecay(0.2, 24)),
        ]
        model = classifier()
        callbacks = callbacks if backup_first else callbacks[::-1]
        model.fit(*blobs, batch_size=8, epochs=4, verbose=0, callbacks=[*callbacks, *more])

    with pytest.raises(KeyboardInterrupt):
        run(Kill())
    rates = Rates()
    run(rates)
    assert rates.seen == pytest.approx([0.2 - step / 120 for step in range(12, 24)], rel=1e-4)


@pytest.mark.parametrize("name", ["minimum", "maximum", "steps", "smoothing", "blow_up"])
def test_numbers_as_strings_are_refused(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be.*Received: {name}='5'"):
        LearningRateFinder(**{name: "5"})
