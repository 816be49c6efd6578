"""What members may differ in, and that everything else is refused by name."""

import keras
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.population.wiring import wiring


def scaled(scale):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs) * scale)


def clipped(limit):
    inputs = keras.Input((4,))
    return keras.Model(inputs, ops.clip(keras.layers.Dense(3)(inputs), 0.0, limit))


def skipping(begin):
    """Dense layers in a row, and a connection from before one of them to the end."""
    inputs = keras.Input((4,))
    stages = [inputs]
    for _ in range(3):
        stages.append(keras.layers.Dense(4)(stages[-1]))
    return keras.Model(inputs, keras.layers.Add()([stages[begin], stages[-1]]))


def nested(scale):
    inputs = keras.Input((4,))
    return keras.Model(inputs, scaled(scale)(inputs))


@keras.saving.register_keras_serializable(package="test_structure")
class Net(keras.Model):
    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs) * self.scale

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="test_structure")
class VariableNet(Net):
    arguments_in_weights = frozenset({"scale"})


def subclassed(scale, kind=Net):
    model = kind(scale)
    model(ops.zeros((1, 4)))
    return model


@pytest.mark.parametrize(
    ("build", "values", "message"),
    [
        (scaled, (1.0, 2.0), r"member 1.*Multiply\('<1 Dense>', 2.0\).*Multiply\('<1 Dense>', 1.0"),
        (clipped, (1.0, 2.0), r"member 1.*Clip\(.*2\.0.*, where member 0 has Clip\(.*1\.0"),
        (skipping, (0, 1), r"member 1.*Add\(\['<1 Dense>', '<3 Dense>'\].*'<0 InputLayer>'"),
        (nested, (1.0, 2.0), r"member 1.*Multiply.*2\.0.*1\.0"),
        (subclassed, (1.0, 2.0), r"member 1, layer 'net.*scale=2\.0.*has 1\.0.*arguments_in_weigh"),
    ],
)
def test_a_constant_or_a_wire_that_differs_is_refused_by_name(build, values, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        Population.from_models([build(value) for value in values], vectorize="loop")


@pytest.mark.parametrize("build", [scaled, clipped, skipping, nested, subclassed])
def test_models_that_are_alike_but_for_their_names_are_taken(build):
    assert Population.from_models([build(1), build(1)], vectorize="loop").count == 2


def test_a_subclass_may_say_that_an_argument_lives_in_a_weight():
    models = [subclassed(scale, VariableNet) for scale in (1.0, 2.0)]
    assert Population.from_models(models, vectorize="loop").count == 2


def test_wiring_tells_calls_of_a_shared_layer_apart():
    inputs, shared = keras.Input((4,)), keras.layers.Dense(4)
    once = shared(inputs)
    twice = shared(once)
    first, second = (keras.Model(inputs, [once * 1.0, end * 1.0]) for end in (once, twice))
    assert wiring(first) != wiring(second)
    assert wiring(second)[-1].startswith("outputs [")
    assert wiring(keras.Sequential([keras.Input((4,)), shared])) == []
