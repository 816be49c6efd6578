"""Properties of all monitors: they change neither the training nor, afterwards, the model."""

import contextlib

import keras
import numpy as np
import pytest

from keras_ddl.callbacks import (
    ActivationStats,
    DeadReLUCounter,
    GradientStats,
    LearningRateFinder,
    LearningRateSchedule,
    SanityChecks,
    TrainingReport,
)
from keras_ddl.schedules import LinearDecay

pytestmark = pytest.mark.filterwarnings("ignore::keras_ddl.callbacks.TrainingWarning")

TORCH = keras.backend.backend() == "torch"


def monitors(x, y, folder):
    """All monitors together, so that a test sees whether one affects another."""
    gradient = DeadReLUCounter()
    return [
        gradient,
        DeadReLUCounter("data", x, examples="all", batch_size=20, per_layer=False),
        GradientStats(every=2),
        ActivationStats(x[:10], every=2),
        SanityChecks(x, y, overfit_steps=2),
        TrainingReport(folder / "run.html", monitors=[gradient], png=False),
    ]


def assert_equal(one, other, exact=True):
    for a, b in zip(one, other, strict=True):
        if exact:
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_training_is_bit_equal_with_all_and_without(classifier, blobs, tmp_path):
    weights = []
    for callbacks in ([], monitors(*blobs, tmp_path)):
        model = classifier(keras.optimizers.Adam(0.01))
        model.fit(*blobs, batch_size=16, epochs=2, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
    assert_equal(*weights)


@pytest.mark.parametrize(
    "setting",
    [
        "accumulation",
        pytest.param("executions", marks=pytest.mark.skipif(TORCH, reason="Keras: not on PyTorch")),
    ],
)
def test_training_is_the_same_in_other_settings(setting, classifier, blobs, tmp_path):
    weights = []
    for callbacks in ([], [DeadReLUCounter(), GradientStats(every=2)]):
        options = {"steps_per_execution": 2} if setting == "executions" else {}
        steps = 2 if setting == "accumulation" else None
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=steps)
        model = classifier(optimizer, **options)
        model.fit(*blobs, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
        if callbacks:
            ratios = callbacks[1].history[-1]["update_ratio/hidden"]
            assert 0 < ratios < 1
    assert_equal(*weights, exact=False)


def test_mixed_precision_is_watched_inside_the_loss_scaling(classifier, blobs):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = classifier()
    finally:
        keras.config.set_dtype_policy(before)
    scaling, plain = model.optimizer, model.optimizer.inner_optimizer
    stats = GradientStats(every=1)
    model.fit(*blobs, batch_size=16, verbose=0, callbacks=[stats])
    assert model.optimizer is scaling
    assert scaling.inner_optimizer is plain
    assert 1e-3 < stats.history[0]["gradient_norm"] < 100  # unscaled: the scale is 32768


def test_nothing_is_left_behind(classifier, blobs, tmp_path):
    model = classifier()
    plain = model.optimizer
    layers = {id(layer): dict(vars(layer)) for layer in model.layers}
    variables = len(model.variables)
    for _ in range(2):
        model.fit(*blobs, batch_size=16, verbose=0, callbacks=monitors(*blobs, tmp_path))
        assert model.optimizer is plain
    assert len(model.variables) == variables
    for layer in model.layers:
        assert vars(layer).keys() == layers[id(layer)].keys()
        assert "call" not in vars(layer)
    model.fit(*blobs, batch_size=16, verbose=0)


class Interrupt(keras.callbacks.Callback):
    """As Ctrl-C outside of the compiled step."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


class Breakable(keras.layers.Layer):
    """A layer that can be made to fail while a step is traced or run."""

    broken = False

    def call(self, x):
        if Breakable.broken:
            raise KeyboardInterrupt
        return x


class Break(keras.callbacks.Callback):
    """As Ctrl-C during a step."""

    def on_epoch_begin(self, epoch, logs=None):
        # On JAX, Keras itself loses the weights if the very first step fails.
        Breakable.broken = keras.backend.backend() != "jax"

    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


@pytest.mark.parametrize("finder", [False, True])
def test_a_step_that_is_interrupted_leaves_nothing_behind(finder, classifier, blobs, monkeypatch):
    monkeypatch.setattr(Breakable, "broken", False)
    model = classifier(compiled=False)
    model.add(Breakable())
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    plain, before = model.optimizer, model.get_weights()
    callbacks = [GradientStats(), LearningRateSchedule(LinearDecay(0.1, 10))]
    if finder:
        callbacks = [LearningRateFinder(1e-3, 1.0, steps=10)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(*blobs, verbose=0, callbacks=[*callbacks, Break()])
    assert model.optimizer is plain
    if finder:
        assert_equal(before, model.get_weights())
    Breakable.broken = False
    model.fit(*blobs, verbose=0)


def test_the_next_fit_removes_what_an_interrupted_one_left(classifier, blobs):
    model = classifier()
    plain = model.optimizer
    for _ in range(2):  # the exception's traceback keeps the first callbacks alive
        callbacks = [GradientStats(), LearningRateSchedule(LinearDecay(0.1, 10)), Interrupt()]
        with pytest.raises(KeyboardInterrupt):
            model.fit(*blobs, verbose=0, callbacks=callbacks)
    model.fit(*blobs, verbose=0, callbacks=[GradientStats()])
    assert model.optimizer is plain


def test_an_interrupted_finder_puts_the_weights_back_in_the_next_fit(classifier, blobs):
    model, finder = classifier(), LearningRateFinder(0.1, 10.0, steps=20)
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*blobs, batch_size=8, verbose=0, callbacks=[finder, Interrupt()])
    model.fit(*blobs, batch_size=8, epochs=20, verbose=0, callbacks=[finder])
    assert_equal(before, model.get_weights())


def test_a_model_compiled_anew_after_an_interruption_trains_with_its_new_optimizer(
    classifier, blobs
):
    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*blobs, verbose=0, callbacks=[GradientStats(), Interrupt()])
    model.compile("adam", "sparse_categorical_crossentropy")
    adam = model.optimizer
    for callbacks in ([GradientStats()], []):
        model.fit(*blobs, batch_size=16, verbose=0, callbacks=callbacks)
    assert model.optimizer is adam
    assert int(keras.ops.convert_to_numpy(adam.iterations)) == 6


def test_a_checkpoint_saved_during_monitored_training_loads_as_usual(classifier, blobs, tmp_path):
    model = classifier(keras.optimizers.SGD(0.1, momentum=0.9))
    path = tmp_path / "model.keras"
    save = keras.callbacks.ModelCheckpoint(str(path), verbose=0)
    model.fit(*blobs, batch_size=16, verbose=0, callbacks=[GradientStats(), save])
    loaded = keras.saving.load_model(path)
    assert type(loaded.optimizer) is type(model.optimizer)
    pairs = zip(model.optimizer.variables, loaded.optimizer.variables, strict=True)
    for a, b in pairs:
        assert_equal([keras.ops.convert_to_numpy(a)], [keras.ops.convert_to_numpy(b)])


def test_averaged_weights_are_swapped_as_without_a_monitor(classifier, blobs):
    weights = []
    for callbacks in ([], [GradientStats()]):
        model = classifier(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
        swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
        model.fit(*blobs, batch_size=16, epochs=2, verbose=0, callbacks=[*callbacks, swap])
        weights.append(model.get_weights())
    assert_equal(*weights, exact=False)


def test_core_callbacks_see_the_entries_and_the_rate(classifier, blobs):
    model = classifier()
    reduce = keras.callbacks.ReduceLROnPlateau("gradient_norm", patience=1, mode="max")
    history = model.fit(
        *blobs, epochs=4, verbose=0, callbacks=[GradientStats(), DeadReLUCounter(), reduce]
    ).history
    assert len(history["update_ratio/hidden"]) == len(history["dead_relus/hidden"]) == 4
    assert history["learning_rate"][-1] < history["learning_rate"][0]
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) < 0.1


def test_datasets_and_nested_subclassed_models_are_taken(subclassed, blobs):
    x, y = blobs

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            part = slice(16 * index, 16 * index + 16)
            return x[part], y[part]

    model = subclassed()
    model(x[:2])
    callbacks = [
        DeadReLUCounter(data=x),
        DeadReLUCounter("data", x, per_layer=False),
        GradientStats(),
        ActivationStats(x[:8]),
    ]
    # The count in total is that of the later counter, which sees the very same units.
    model.fit(Batches(), verbose=0, callbacks=callbacks)
    assert callbacks[0].history[0]["inner_relu"].shape == (5,)
    np.testing.assert_array_equal(
        callbacks[0].history[0]["inner_relu"], callbacks[1].history[0]["inner_relu"]
    )
    assert {"gradient_norm/inner", "gradient_norm/last"} <= callbacks[2].history[0].keys()
    assert "activation_mean/inner_relu" in callbacks[3].history[0]


@pytest.mark.parametrize(
    "make",
    [
        DeadReLUCounter,
        GradientStats,
        lambda: ActivationStats(np.zeros((2, 6), "float32")),
        lambda: SanityChecks(np.zeros((2, 6), "float32"), np.zeros(2)),
    ],
)
def test_an_unbuilt_model_is_refused(make):
    monitor = make()
    monitor.set_model(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match=r"the model is not built.*before `fit`.*Received: model="):
        monitor.on_train_begin()


@pytest.mark.parametrize("make", [lambda x: DeadReLUCounter("data", x), ActivationStats])
def test_data_that_does_not_fit_the_model_is_refused(make, classifier, blobs):
    callback = make(np.zeros((4, 7), "float32"))
    with pytest.raises(ValueError, match=r"cannot run `data`.*Received: data of shape \(4, 7\)"):
        classifier().fit(*blobs, verbose=0, callbacks=[callback])


@pytest.mark.parametrize("finder", [False, True])
def test_any_fit_after_an_interruption_begins_without_callbacks(finder, classifier, blobs):
    callbacks = [LearningRateSchedule(LinearDecay(500.0, 10)), GradientStats()]
    if finder:
        callbacks = [LearningRateFinder(0.1, 1e3, steps=20)]
    trained, plain = classifier(), classifier()
    for model in (trained, plain):
        model.evaluate(*blobs, verbose=0)  # builds loss and metrics, which draws on PyTorch, too
    before, optimizer = trained.get_weights(), trained.optimizer
    with pytest.raises(KeyboardInterrupt):
        trained.fit(*blobs, batch_size=8, verbose=0, callbacks=[*callbacks, Interrupt()])
    if not finder:
        trained.set_weights(before)
        trained.optimizer.learning_rate = 0.1
        plain.optimizer.iterations.assign(int(trained.optimizer.iterations))  # a copy, for JAX
        for model in (trained, plain):
            model.get_layer(index=1).seed_generator.state.assign([3, 0])
    for model in (trained, plain):
        keras.utils.set_random_seed(5)  # PyTorch draws dropout's masks from one global stream
        model.fit(*blobs, batch_size=8, shuffle=False, verbose=0)
    assert trained.optimizer is optimizer
    assert "fit" not in vars(trained)
    if not finder:
        assert float(keras.ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.1)
    if finder and keras.backend.backend() == "torch":
        return  # the finder resets the global stream to its earlier state, not to the seed above
    assert_equal(trained.get_weights(), plain.get_weights(), exact=False)


def test_a_train_step_of_the_instance_is_used_and_stays(classifier, blobs):
    model = classifier()
    calls = []
    step = model.train_step

    def counted(*args):
        calls.append(1)
        return step(*args)

    model.train_step = counted
    model.fit(*blobs, batch_size=16, verbose=0, callbacks=[GradientStats()])
    assert calls
    assert model.train_step is counted


class OtherOptimizer(keras.Model):
    """Trains with an optimizer that `compile` does not know."""

    def __init__(self):
        super().__init__()
        self.net = keras.Sequential(
            [keras.Input((6,)), keras.layers.Dense(5, "relu", name="a"), keras.layers.Dense(2)]
        )

    def call(self, x):
        return self.net(x)

    def train_step(self, *args):
        loss = keras.ops.zeros(())
        return ({"other_loss": loss}, args[0]) if len(args) > 1 else {"other_loss": loss}


def test_without_updates_by_the_model_s_optimizer_nothing_is_counted(blobs):
    x, y = blobs
    model = OtherOptimizer()
    model(x[:2])
    model.compile("sgd")
    callbacks = [DeadReLUCounter(data=x), GradientStats(), SanityChecks(x, y)]
    with pytest.warns(UserWarning, match="not asked for an update"):
        history = model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks).history
    assert set(history) == {"other_loss"}
    assert callbacks[0].history == callbacks[1].history == [{}, {}]
    assert "not asked for an update" in callbacks[2].results["update_ratio"]
    with pytest.raises(ValueError, match=r'must report a "loss".*Received: logs of'):
        model.fit(x, y, verbose=0, callbacks=[LearningRateFinder()])


def test_layers_with_the_same_name_are_distinguished():
    def block(name, widths):
        return keras.Sequential(
            [
                keras.Input((6,)),
                *(keras.layers.Dense(n, "relu", name=f"dense{end}") for end, n in widths.items()),
                keras.layers.Dense(6, "tanh", name="out"),
            ],
            name=name,
        )

    model = keras.Sequential(
        [keras.Input((6,)), block("p", {"": 8, "_1": 7, "_2": 5}), block("q", {"": 4, "_2": 3})]
    )
    model.compile("sgd", "mse")
    x = np.ones((8, 6), "float32")
    dead, stats = DeadReLUCounter("data", x), GradientStats()
    model.fit(x, x, verbose=0, callbacks=[dead, stats])
    sizes = {name: units.size for name, units in dead.history[0].items()}
    assert sizes == {"dense": 8, "dense_1": 7, "dense_2": 5, "dense_3": 4, "dense_2_2": 3}
    assert sum(name.startswith("gradient_norm/") for name in stats.history[0]) == 7


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute")
def test_under_mirrored_strategy_measurements_are_as_without(blobs):
    import tensorflow as tf

    x, y = blobs
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    results = []
    for scope in (contextlib.nullcontext, strategy.scope):
        keras.utils.set_random_seed(1)
        with scope():
            model = keras.Sequential(
                [
                    keras.Input((6,)),
                    keras.layers.Dense(5, "relu", name="a"),
                    keras.layers.Dense(2, name="b"),
                ]
            )
            model.compile(
                keras.optimizers.SGD(0.1),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            )
        kernel, bias = model.get_layer("a").get_weights()
        model.get_layer("a").set_weights([kernel, np.where(np.arange(5) < 2, -100.0, bias)])
        dead, stats, checks = DeadReLUCounter(), GradientStats(every=2), SanityChecks(x, y)
        callbacks = [dead, stats, checks]
        model.fit(x, y, batch_size=8, verbose=0, shuffle=False, callbacks=callbacks)
        assert dead.history[0]["a"].tolist() == [True, True, False, False, False]
        assert "update_ratio" in checks.results
        results.append((stats.history[0], model.get_weights()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-4)
    assert_equal(results[0][1], results[1][1], exact=False)
