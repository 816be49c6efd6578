"""What mapped members may differ in, and that everything else is refused by name."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.layers import VariableDropout
from keras_ddl.population.wiring import wiring

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="members are not mapped on PyTorch"
)


def dense(change=lambda x: x):
    """A functional model of one layer, and what `change` does to its output."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, change(keras.layers.Dense(3)(inputs)))


def scaled(scale):
    return dense(lambda x: x * scale)


def clipped(limit):
    return dense(lambda x: ops.clip(x, 0.0, limit))


def last_of_many(last):
    return dense(
        lambda x: ops.concatenate([x] * 70, axis=-1) * np.append(np.ones(209, "float32"), last)
    )


def skipping(begin):
    """Dense layers in a row, and a connection from before one of them to the end."""
    inputs = keras.Input((4,))
    stages = [inputs]
    for _ in range(3):
        stages.append(keras.layers.Dense(4)(stages[-1]))
    return keras.Model(inputs, keras.layers.Add()([stages[begin], stages[-1]]))


def calling(order):
    """Two layers, called again and again."""
    inputs = keras.Input((4,))
    layers, x = [keras.layers.Dense(4) for _ in range(2)], inputs
    for place in order:
        x = layers[place](x)
    return keras.Model(inputs, x)


def subtracting(order):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model([(a, b)[place] for place in order], a - b)


def named(names):
    a, b = (keras.Input((4,), name=name) for name in names)
    return keras.Model(dict(zip(names, (a, b), strict=True)), a - b)


def nested(scale):
    inputs = keras.Input((4,))
    return keras.Model(inputs, scaled(scale)(inputs))


class Net(keras.Model):
    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs) * self.scale

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class OtherNet(Net):
    def call(self, inputs):
        return self.dense(inputs) - self.scale


def called(model):
    model(ops.zeros((1, 4)))
    return model


def subclassed(scale):
    return called(Net(scale))


def of_class(kind):
    return called(kind(1.0))


class Opaque(keras.layers.Layer):
    """A layer without `get_config`, so that its argument cannot be compared."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside

    def call(self, inputs):
        return inputs


def opaque(scale):
    return dense(lambda x: Opaque(object())(x) * scale)


@pytest.mark.parametrize(
    ("build", "values", "message"),
    [
        (scaled, (1.0, 2.0), r"member 1.*Multiply\[1\] = 2\.0, where member 0 has 1\.0"),
        (clipped, (1.0, 2.0), r"member 1.*Clip\['x_max'\] = 2\.0, where member 0 has 1\.0"),
        (last_of_many, (1.0, 2.0), r"member 1.*Multiply\[1\] = an array of shape \(210,\)"),
        (
            skipping,
            (0, 1),
            r"member 1.*Add\[0\]\[0\] = '<1 Dense>', where member 0 has '<input 0>'",
        ),
        (calling, ((0, 1, 0), (0, 1, 1)), r"member 1.*Dense\['layer'\] = 1, where member 0 has 0"),
        (subtracting, ((0, 1), (1, 0)), r"member 1.*Subtract\[0\] = '<input 1>'"),
        (named, ("xy", "yx"), r"member 1.*Subtract\[0\] = '<input 1>'"),
        (nested, (1.0, 2.0), r"member 1.*Multiply\[1\] = 2\.0, where member 0 has 1\.0"),
        (opaque, (1.0, 2.0), r"member 1.*Multiply\[1\] = 2\.0, where member 0 has 1\.0"),
        (subclassed, (1.0, 2.0), r"member 1, layer 'net.*scale=2\.0.*has 1\.0.*arguments_in_weigh"),
        (of_class, (Net, OtherNet), r"same layers.*member 1.*\(OtherNet\), where.*\(Net\)"),
        (dense, (ops.relu, ops.tanh), r"same operations.*member 1.*'Tanh'.*'Relu'"),
    ],
)
def test_a_constant_or_a_wire_that_differs_is_refused_by_name(build, values, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        Population.from_models([build(value) for value in values], executor="map")


def siamese():
    a, b = keras.Input((4,)), keras.Input((4,))
    shared = keras.layers.Dense(3)
    return keras.Model([a, b], [shared(a) - shared(b), ops.split(shared(a), 3, axis=-1)[1]])


def various():
    inputs = keras.Input((4,))
    x = keras.layers.Masking(mask_value=float("nan"))(ops.reshape(inputs, (-1, 2, 2)))
    x = ops.einsum("bij,bkj->bik", x[:, :1], 1 - x**2)
    x = ops.pad(ops.sum(x, axis=(1,)), ((0, 0), (1, 1))) * np.array([1.0, 2.0, np.nan, 4.0])
    return keras.Model(inputs, keras.layers.Dense(2, kernel_regularizer="l2")(x))


@pytest.mark.parametrize(
    "build",
    [
        siamese,
        various,
        lambda: dense(keras.layers.Lambda(lambda x: x * 2)),
        lambda: subtracting((0, 1)),
        lambda: named("xy"),
        lambda: nested(2.0),
        lambda: opaque(2.0),
        lambda: keras.Sequential([keras.Input((4,)), scaled(2.0), VariableDropout(0.5)]),
    ],
)
def test_models_that_are_alike_but_for_their_names_are_taken(build):
    assert Population.from_models([build(), build()], executor="map").count == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: scaled(2), lambda: scaled(np.float64(2.0))),
        (various, lambda: keras.models.model_from_json(various().to_json())),
    ],
    ids=["numbers", "from its configuration"],
)
def test_equal_constants_written_differently_are_accepted(first, second):
    assert Population.from_models([first(), second()], executor="map").count == 2


class Scale(keras.layers.Layer):
    """A layer whose factor is not in its configuration."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return super().get_config()


def adapted(size):
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(size, 4)) * size)
    return layer


class Penalty:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, weights):
        return self.factor * ops.sum(weights * weights)


@pytest.mark.parametrize(
    "layer",
    [
        Scale,
        adapted,
        lambda factor: keras.layers.Dense(
            3, functools.partial(ops.leaky_relu, negative_slope=0.1 * factor)
        ),
        lambda factor: keras.layers.Dense(3, kernel_regularizer=Penalty(factor)),
    ],
    ids=["config that leaves out", "adapted", "partial", "regularizer"],
)
def test_differences_that_no_configuration_shows_are_found_by_running(layer):
    def make(factor):
        keras.utils.set_random_seed(1)
        return keras.Sequential([keras.Input((4,)), layer(factor), keras.layers.Dense(2)])

    with pytest.raises(ValueError, match=r"member 1.*(other|partial|Received)"):
        Population.from_models([make(2), make(5)], executor="map")


def test_subclassed_models_without_known_inputs_are_not_mapped():
    with pytest.raises(ValueError, match="inputs are not known"):
        Population.from_models([called(Net(1.0)), called(Net(1.0))], executor="map")


def test_a_weight_that_an_operation_takes_is_each_members_own():
    def tied(seed):
        keras.utils.set_random_seed(seed)
        inputs, layer = keras.Input((4,)), keras.layers.Dense(4)
        return keras.Model(inputs, ops.matmul(layer(inputs), layer.kernel))

    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    together = Population.from_models([tied(1), tied(2)])
    for member, seed in enumerate((1, 2)):
        expected = tied(seed).predict(x, verbose=0)
        np.testing.assert_allclose(together.predict(x, verbose=0)[:, member], expected, atol=1e-5)


def test_wiring_identifies_the_origin_of_tensors():
    inputs, shared = keras.Input((4,)), keras.layers.Dense(4)
    once = shared(inputs)
    model = keras.Model(inputs, [shared(once), once])
    assert wiring(model) == [
        ("inputs", {"": "<input 0>"}),
        ("Dense", {0: "<input 0>", "layer": 0}),
        ("Dense", {0: "<1 Dense>", "layer": 0}),
        ("outputs", {"": ["<2 Dense>", "<1 Dense>"]}),
    ]
    assert wiring(keras.Sequential([keras.Input((4,)), shared])) == []


def test_members_with_unused_states_of_different_number_predict_together():
    """Without training the two compute the same function of their kernels."""

    def build(layers):
        dropped = [keras.layers.Dropout(0.5, seed=1) for _ in range(layers)]
        return keras.Sequential([keras.Input((3,)), *dropped, keras.layers.Dense(2)])

    population = Population(build, [{"layers": 1}, {"layers": 2}])
    population.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")
    found = population.predict(x)
    for place in range(2):
        alone = population.member(place).predict(x, verbose=0)
        np.testing.assert_allclose(found[:, place], alone, rtol=1e-5)
