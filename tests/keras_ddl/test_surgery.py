"""Surgery: batch normalization folded away, normalization swapped."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from keras_ddl.layers import (
    GhostBatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    VariableDropout,
)
from keras_ddl.surgery import Folding, fold_batch_normalization, plan_folding, swap_normalization

BN = layers.BatchNormalization


def randomized(model, seed=0):
    """The model with weights as after training: no statistic is 0 or 1."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.path.endswith("rate"):
            continue  # of dropout
        value = rng.normal(size=weight.shape)
        weight.assign(np.abs(value) + 0.3 if "variance" in weight.path else 0.4 * value)
    return model


def chain(shape, *stack, name=None):
    return randomized(keras.Sequential([keras.Input(shape), *stack], name=name))


def output(model, seed=1, batch=3):
    x = np.random.default_rng(seed).normal(size=(batch, *model.input_shape[1:]))
    return ops.convert_to_numpy(model(x.astype("float32")))


def assert_folded_equals(model, left=0, rtol=1e-5):
    """Folded, the model gives the same outputs; `left` of its BatchNormalization layers stay."""
    weights = model.get_weights()
    expected = output(model)
    folded = fold_batch_normalization(model)
    np.testing.assert_allclose(output(folded), expected, rtol=0, atol=rtol * np.abs(expected).max())
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    stay = [folding.layer for folding in plan_folding(model) if folding.into is None]
    assert len(stay) == left
    kept = {weight.path.split("/")[-2] for weight in folded.weights if "moving" in weight.path}
    assert kept == {name.split("/")[-1] for name in stay}
    return folded


def reason(model, name):
    return next(plan.reason for plan in plan_folding(model) if plan.layer == name)


# A normalization after each of these layers can be folded into it. The flag says whether one before
# it can be folded, too.
LINEAR = {
    "dense": (lambda: layers.Dense(5), True),
    "dense without bias": (lambda: layers.Dense(5, use_bias=False), True),
    "conv": (lambda: layers.Conv2D(6, 3, use_bias=False), True),
    "grouped, strided": (lambda: layers.Conv2D(6, 2, strides=2, groups=2), True),
    "dilated": (lambda: layers.Conv2D(3, 2, dilation_rate=2), True),
    "same": (lambda: layers.Conv2D(3, 3, padding="same"), False),
    "depthwise": (lambda: layers.DepthwiseConv2D(2, depth_multiplier=2), True),
    "separable": (lambda: layers.SeparableConv2D(3, 2, depth_multiplier=2), True),
    "transposed": (lambda: layers.Conv2DTranspose(3, 2, strides=2), False),
}


@pytest.mark.parametrize(("make", "takes_before"), LINEAR.values(), ids=LINEAR)
def test_a_layer_takes_a_normalization_after_it_and_one_before_it(make, takes_before):
    assert_folded_equals(chain((6, 6, 4), make(), BN()))
    before = chain((6, 6, 4), BN(), make(), layers.ReLU())
    assert_folded_equals(before, left=0 if takes_before else 1)


OTHER_RANKS = {
    "Conv1D": (lambda: layers.Conv1D(3, 2, padding="causal"), (6, 2)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(3, 2), (6, 2)),
    "Conv3D": (lambda: layers.Conv3D(3, 2), (3, 3, 3, 2)),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(3, 2), (3, 3, 3, 2)),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(2, depth_multiplier=2), (6, 2)),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(3, 2), (6, 2)),
    "Dense on sequences": (lambda: layers.Dense(3), (6, 2)),
}


@pytest.mark.parametrize(("make", "shape"), OTHER_RANKS.values(), ids=OTHER_RANKS)
def test_other_ranks(make, shape):
    assert_folded_equals(chain(shape, make(), BN()))


@pytest.mark.parametrize(
    "options",
    [{"scale": False}, {"center": False}, {"epsilon": 0.5}, {"renorm": True}, {"trainable": False}],
    ids=str,
)
def test_options_of_the_normalization(options):
    assert_folded_equals(chain((4,), layers.Dense(3), BN(**options), layers.ReLU()))


def test_channels_first():
    first = {"data_format": "channels_first"}
    model = chain(
        (4, 6, 6),
        layers.Conv2D(6, 3, **first),
        BN(axis=1),
        layers.ReLU(),
        BN(axis=1),
        layers.DepthwiseConv2D(2, **first),
    )
    folded = fold_batch_normalization(model, strict=True)
    x = np.random.default_rng(2).normal(size=(2, 4, 6, 6)).astype("float32")
    # With XLA: on many CPUs TensorFlow alone has no convolution of this format.
    for one in (model, folded):
        one.compile(jit_compile="auto" if keras.backend.backend() == "torch" else True)
    np.testing.assert_allclose(
        folded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=0, atol=1e-5
    )


def test_names_stay_and_the_normalization_is_gone():
    model = chain((4,), layers.Dense(3, use_bias=False, name="dense"), BN(), layers.ReLU(name="r"))
    folded = assert_folded_equals(model)
    assert [layer.name for layer in folded.layers] == ["dense", "r"]
    assert folded.name == model.name
    assert folded.get_layer("dense").use_bias


def test_what_is_the_identity_at_inference_may_lie_between():
    model = chain(
        (4,),
        layers.Dense(3),
        layers.Dropout(0.5),
        layers.Activation("linear"),
        VariableDropout(0.5),
        BN(),
        BN(),
    )
    folded = assert_folded_equals(model)
    assert any(isinstance(layer, layers.Dropout) for layer in folded.layers)


def test_after_an_activation_the_next_layer_takes_it():
    conv = layers.Conv2D(3, 2, activation="relu", name="conv")
    model = chain((5, 5, 2), conv, BN(name="bn"), BN(), layers.Conv2D(2, 2, name="next"), BN())
    assert_folded_equals(model)
    assert plan_folding(model)[0] == Folding("bn", "next")


@pytest.mark.parametrize(
    ("stack", "why"),
    [
        ((layers.Dense(3, activation="relu"), BN(name="bn")), "has the activation relu"),
        ((layers.Dense(3), layers.ReLU(), BN(name="bn")), r"\(ReLU\) is not a layer to fold into"),
        ((BN(name="bn"), layers.ReLU()), "no layer of its model comes before it"),
        ((layers.Conv1D(3, 2), BN(axis=1, name="bn")), "normalizes axis 1"),
        ((layers.Dense(3, dtype="bfloat16"), BN(name="bn")), "computes in float32 and"),
        ((BN(name="bn"), layers.Conv1D(3, 2, padding="same")), "pads its input"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_where_it_would_not_be_exact_it_stays_and_says_why(stack, why):
    model = chain((4, 2), *stack)
    assert_folded_equals(model, left=1)
    with pytest.raises(ValueError, match=rf"(?s)- bn: .*{why}.*Received: model="):
        fold_batch_normalization(model, strict=True)


def test_a_tensor_that_goes_elsewhere_too_is_not_changed():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, name="hidden")(inputs)
    normal = BN(name="bn")(hidden)
    model = randomized(keras.Model(inputs, ops.concatenate([hidden, normal])))
    assert_folded_equals(model, left=1)
    assert "the output of hidden is also used elsewhere" in reason(model, "bn")


def test_a_tensor_that_is_an_output_is_not_changed():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3)(inputs)
    model = randomized(keras.Model(inputs, {"h": hidden, "n": BN(name="bn")(hidden)}))
    folded = fold_batch_normalization(model)
    x = np.ones((2, 4), "float32")
    for name, expected in model(x).items():
        result = ops.convert_to_numpy(folded(x)[name])
        np.testing.assert_allclose(result, ops.convert_to_numpy(expected), rtol=1e-6)
    assert "used elsewhere" in reason(model, "bn")


def test_shared_layers_that_are_always_called_together_are_folded():
    inputs = keras.Input((4,))
    dense, bn, relu = layers.Dense(4, name="dense"), BN(), layers.ReLU()
    model = keras.Model(inputs, relu(bn(dense(relu(bn(dense(inputs)))))))
    folded = assert_folded_equals(randomized(model))
    assert len([layer for layer in folded.layers if layer.name == "dense"]) == 1


def test_shared_layers_that_are_not_are_left():
    inputs = keras.Input((4,))
    dense = layers.Dense(4, name="dense")
    model = keras.Model(inputs, BN(name="bn")(dense(dense(inputs))))
    assert_folded_equals(randomized(model), left=1)
    assert "dense is not always called together with it" in reason(model, "bn")


def test_nested_models_are_folded_inside_and_keep_their_form():
    block = keras.Sequential([keras.Input((4,)), layers.Dense(4), BN(name="bn")], name="block")
    inputs = keras.Input((4,))
    tower = keras.Model(inputs, layers.ReLU()(block(block(inputs))), name="tower")
    model = chain((4,), tower, BN(name="outer"), layers.Dense(2))
    folded = assert_folded_equals(model)
    assert {plan.layer for plan in plan_folding(model)} == {"tower/block/bn", "outer"}
    (dense,) = folded.get_layer("tower").get_layer("block").layers
    assert dense.name == block.layers[0].name


def test_a_layer_shared_with_a_nested_model_is_left():
    dense = layers.Dense(4, name="dense")
    inner = keras.Sequential([keras.Input((4,)), dense], name="inner")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, inner(BN(name="bn")(dense(inputs))))
    randomized(model)
    assert_folded_equals(model, left=1)
    assert "not a layer to fold into" in reason(model, "bn") or "together" in reason(model, "bn")


class Block(layers.Layer):
    """A layer whose calls cannot be traced."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.bn = layers.Dense(3), BN(name="hidden")

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.bn.build((*input_shape[:-1], 3))

    def call(self, inputs):
        return self.bn(self.dense(inputs))


def test_what_is_inside_other_layers_is_left_and_reported():
    model = chain((4,), Block(name="block"), layers.Dense(2), BN())
    assert_folded_equals(model, left=1)
    assert "the calls inside block (Block) cannot be traced" in reason(model, "block/hidden")


def test_subclasses_that_may_compute_something_else_are_left():
    class Doubled(layers.Dense):
        def call(self, inputs, training=None):
            return 2 * super().call(inputs)

    model = chain((4,), Doubled(3), BN(name="bn"))
    assert_folded_equals(model, left=1)
    assert "(Doubled) is not a layer to fold into" in reason(model, "bn")


def test_a_normalization_forced_to_training_is_left():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, BN(name="bn")(layers.Dense(3)(inputs), training=True))
    assert "training=True" in reason(model, "bn")


def test_masks_lambdas_and_operations_survive():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(7, 4, mask_zero=True)(inputs)
    x = BN()(layers.Dense(3)(x))
    x = layers.GlobalAveragePooling1D()(BN()(layers.Dense(4)(x)))
    x = layers.Lambda(lambda x: 2 * x)(x) + 1.0
    x = ops.concatenate([x, -x], axis=-1)
    model = randomized(keras.Model(inputs, x))
    tokens = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 1]])
    folded = fold_batch_normalization(model, strict=True)
    np.testing.assert_allclose(
        ops.convert_to_numpy(folded(tokens)), ops.convert_to_numpy(model(tokens)), rtol=1e-4
    )


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16"])
def test_data_types_stay(dtype):
    model = chain((4,), layers.Dense(16, dtype=dtype), BN(dtype=dtype))
    folded = fold_batch_normalization(model, strict=True)
    assert folded.layers[0].dtype_policy.name == dtype
    expected, result = (
        ops.convert_to_numpy(ops.cast(m(np.ones((2, 4))), "float32")) for m in (model, folded)
    )
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.03 * np.abs(expected).max())


def test_a_folded_model_survives_saving(tmp_path):
    folded = fold_batch_normalization(chain((4,), layers.Dense(3), BN(), layers.ReLU()))
    folded.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        output(keras.saving.load_model(tmp_path / "model.keras")), output(folded)
    )


PIECES = st.sampled_from(
    [
        lambda: layers.Conv2D(4, 2),
        lambda: layers.Conv2D(4, 1, activation="relu", use_bias=False),
        lambda: layers.Conv2D(4, 2, padding="same", groups=2),
        lambda: layers.DepthwiseConv2D(2, activation="tanh"),
        lambda: layers.Dense(4),
        lambda: layers.Dropout(0.5),
        layers.ReLU,
        BN,
        BN,
        lambda: BN(center=False),
    ]
)


@settings(max_examples=12, deadline=None)
@given(stack=st.lists(PIECES, min_size=2, max_size=6), residual=st.booleans())
def test_any_chain_gives_the_same_outputs(stack, residual):
    inputs = x = keras.Input((8, 8, 4))
    for make in stack:
        before, x = x, make()(x)
        if residual and x.shape == before.shape:
            x = layers.Add()([before, x])
    model = randomized(keras.Model(inputs, x))
    left = sum(plan.into is None for plan in plan_folding(model))
    assert_folded_equals(model, left=left)


@pytest.mark.slow
def test_resnet50():
    model = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10)
    model.compile("sgd", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 64, 64, 3)).astype("float32")
    model.fit(x, rng.integers(0, 10, 32), batch_size=8, epochs=1, verbose=0)
    folded = fold_batch_normalization(model, strict=True)
    assert len(plan_folding(model)) == 53
    pair = [
        keras.Model(m.input, m.get_layer("avg_pool").output).predict(x[:4], verbose=0)
        for m in (model, folded)
    ]
    np.testing.assert_allclose(pair[1], pair[0], rtol=0, atol=1e-4 * np.abs(pair[0]).max())


def test_swapping_keeps_all_other_weights():
    model = chain((4,), layers.Dense(6, name="a"), BN(name="n"), layers.Dense(2, name="b"))
    swapped = swap_normalization(model, layers.LayerNormalization)
    assert [type(layer).__name__ for layer in swapped.layers] == [
        "Dense",
        "LayerNormalization",
        "Dense",
    ]
    assert [layer.name for layer in swapped.layers] == ["a", "n", "b"]
    for name in ("a", "b"):
        old, new = (m.get_layer(name).get_weights() for m in (model, swapped))
        np.testing.assert_array_equal(old[0], new[0])
    assert isinstance(model.layers[1], BN)


def test_a_class_takes_what_it_can_from_the_old_layer():
    old = BN(axis=1, center=False, scale=False, dtype="mixed_bfloat16")
    (new,) = swap_normalization(chain((4, 3), old), layers.LayerNormalization).layers
    assert (list(new.axis), new.center, new.scale) == ([1], False, False)
    assert new.dtype_policy.name == "mixed_bfloat16"
    (back,) = swap_normalization(chain((4, 3), layers.LayerNormalization(axis=[1])), BN).layers
    assert back.axis == 1


def test_a_function_chooses_removes_and_keeps():
    model = chain((4,), BN(name="keep"), layers.Dense(4), BN(name="drop"), BN(name="change"))
    swapped = swap_normalization(
        model,
        lambda old: {
            "keep": old,
            "drop": None,
            "change": layers.GroupNormalization(2, name="group"),
        }[old.name],
    )
    names = [layer.name for layer in swapped.layers]
    assert names == ["keep", model.layers[1].name, "group"]
    kept = swapped.get_layer("keep")
    assert kept is not model.get_layer("keep")
    for old, new in zip(model.get_layer("keep").get_weights(), kept.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_none_removes_every_normalization_in_nested_and_shared_models():
    block = keras.Sequential([keras.Input((4,)), layers.Dense(4), BN()], name="block")
    inputs = keras.Input((4,))
    tower = keras.Model(inputs, layers.LayerNormalization()(block(block(inputs))))
    swapped = swap_normalization(randomized(tower), None)
    dense = block.layers[0].get_weights()
    assert [type(layer).__name__ for layer in swapped.layers] == ["InputLayer", "Sequential"]
    x = np.random.default_rng(3).normal(size=(2, 4)).astype("float32")
    expected = (x @ dense[0] + dense[1]) @ dense[0] + dense[1]
    np.testing.assert_allclose(ops.convert_to_numpy(swapped(x)), expected, rtol=1e-4, atol=1e-5)


def test_call_arguments_that_the_new_layer_does_not_take_are_dropped():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(7, 4, mask_zero=True)(inputs)
    x = layers.GlobalAveragePooling1D()(BN()(x, training=False))
    swapped = swap_normalization(keras.Model(inputs, x), layers.LayerNormalization)
    result = ops.convert_to_numpy(swapped(np.array([[1, 2, 0, 0, 0]])))
    rows = swapped.layers[1].get_weights()[0][[1, 2]]
    centred = rows - rows.mean(-1, keepdims=True)
    expected = (centred / np.sqrt(rows.var(-1, keepdims=True) + 1e-3)).mean(0)
    np.testing.assert_allclose(result[0], expected, rtol=1e-3)


def test_normalizations_of_this_library_can_be_swapped_in_and_out():
    model = chain((4, 8), layers.Dense(8), BN(axis=-1, center=False))
    grouped = swap_normalization(
        model, lambda old: GroupNormalization(channels_per_group=4, name=old.name)
    )
    instance = swap_normalization(grouped, InstanceNormalization)
    assert isinstance(instance.layers[1], InstanceNormalization)
    np.testing.assert_allclose(output(instance).mean(axis=1), 0, atol=1e-5)
    assert [type(layer) for layer in swap_normalization(instance, None).layers] == [layers.Dense]


def test_ghost_batches_fold_as_any_other():
    assert_folded_equals(chain((4,), layers.Dense(3), GhostBatchNormalization(2)))


def test_which_chooses_the_layers():
    model = chain((4,), BN(), layers.LayerNormalization(), layers.UnitNormalization())
    for which, left in [
        (layers.LayerNormalization, 2),
        ((BN, layers.UnitNormalization), 1),
        (lambda layer: "Normalization" in type(layer).__name__, 0),
    ]:
        kept = swap_normalization(model, lambda old: layers.Identity(), which=which)
        names = [type(layer).__name__ for layer in kept.layers]
        assert sum("Normalization" in name for name in names) == left


def test_a_swapped_model_trains():
    model = chain((6, 6, 2), layers.Conv2D(4, 3), BN(), layers.ReLU(), layers.Flatten())
    model = swap_normalization(model, lambda old: layers.GroupNormalization(2, name=old.name))
    model.compile("sgd", "mse")
    x, y = np.ones((4, 6, 6, 2), "float32"), np.zeros((4, 64), "float32")
    first = model.train_on_batch(x, y)
    for _ in range(3):
        last = model.train_on_batch(x, y)
    assert float(last) <= float(first)


@pytest.mark.parametrize(
    "surgery", [fold_batch_normalization, lambda model: swap_normalization(model, None)]
)
def test_changes_of_the_new_model_do_not_affect_the_original(surgery):
    """On JAX the compiled functions of a model delete the arrays that they were given."""
    model = chain((4,), layers.Dense(3), layers.ReLU(), BN(), layers.Dropout(0.5))
    expected, new = output(model), surgery(model)
    new.compile("sgd", "mse")
    new.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    np.testing.assert_array_equal(output(model), expected)


def test_what_cannot_be_seen_is_refused():
    model = chain((4,), Block(name="block"))
    with pytest.raises(ValueError, match=r"\['hidden'\] cannot be replaced.*'block'.*Received"):
        swap_normalization(model, None)
    assert swap_normalization(model, None, which=layers.LayerNormalization).layers


class Subclassed(keras.Model):
    pass


@pytest.mark.parametrize("surgery", [fold_batch_normalization, plan_folding])
@pytest.mark.parametrize(
    "model", [Subclassed(), keras.Sequential([layers.Dense(3)]), "model"], ids=["sub", "new", "str"]
)
def test_models_whose_calls_cannot_be_seen_are_refused(surgery, model):
    with pytest.raises(ValueError, match=r"`model` must be a functional model.*Received: model="):
        surgery(model)


def test_bad_arguments_of_swapping():
    model = chain((4,), BN(name="bn"))
    with pytest.raises(ValueError, match=r"`to` must be a layer class.*Received: to='gn'"):
        swap_normalization(model, "gn")
    with pytest.raises(ValueError, match=r"`to` must return a layer.*Received: 3 for .*'bn'"):
        swap_normalization(model, lambda old: 3)
    with pytest.raises(ValueError, match=r"`which` must be a layer class.*Received: which='bn'"):
        swap_normalization(model, None, which="bn")
    with pytest.raises(ValueError, match=r"`which` must be a layer class.*Received: which=\('bn'"):
        swap_normalization(model, None, which=("bn",))
    with pytest.raises(ValueError, match=r"`to` must be .*Received: to=<GroupNormalization"):
        swap_normalization(model, GroupNormalization(2))
    with pytest.raises(ValueError, match=r"`to` must be .*Received: .*'virtual_batch_size'"):
        swap_normalization(model, GhostBatchNormalization)


class AddIfGiven(layers.Layer):
    def call(self, inputs, other=None):
        return inputs if other is None else inputs + other

    def compute_output_shape(self, inputs_shape, other_shape=None):
        return inputs_shape


SURGERIES = [fold_batch_normalization, lambda model: swap_normalization(model, None)]


@pytest.mark.parametrize("surgery", SURGERIES, ids=["fold", "swap"])
def test_an_optional_input_stays_optional(surgery):
    first, second = keras.Input((4,), name="one"), keras.Input((4,), optional=True, name="two")
    outputs = BN()(layers.Dense(3)(AddIfGiven()(first, second)))
    model = randomized(keras.Model([first, second], outputs))
    new = surgery(model)
    x = np.ones((2, 4), "float32")
    for inputs in ([x, None], [x, 2 * x]):
        given = [None if one is None else ops.convert_to_tensor(one) for one in inputs]
        assert np.isfinite(ops.convert_to_numpy(new(given))).all()
        if surgery is fold_batch_normalization:
            expected = ops.convert_to_numpy(model(given))
            np.testing.assert_allclose(ops.convert_to_numpy(new(given)), expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch has no sparse inputs")
@pytest.mark.parametrize("surgery", SURGERIES, ids=["fold", "swap"])
def test_a_sparse_input_stays_sparse(surgery):
    inputs = keras.Input((4,), sparse=True)
    model = randomized(keras.Model(inputs, BN()(layers.Dense(3)(inputs))))
    assert surgery(model).inputs[0].sparse


class WithoutConfig(keras.Model):
    def __init__(self, width):
        super().__init__()
        self.dense, self.norm = layers.Dense(width), BN()

    def call(self, inputs, training=False):
        return self.norm(self.dense(inputs), training=training)


class LayerWithoutConfig(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


@pytest.mark.parametrize(
    "inner",
    [lambda: WithoutConfig(4), lambda: LayerWithoutConfig(ops.tanh)],
    ids=["model", "layer"],
)
def test_what_has_no_config_stays_as_it_is(inner):
    one = inner()
    model = chain((4,), one, layers.Dense(2), BN())
    folded = assert_folded_equals(model, left=isinstance(one, WithoutConfig))
    assert one in folded.layers
    swapped = swap_normalization(model, None, which=lambda layer: layer is model.layers[-1])
    assert one in swapped.layers


@pytest.mark.parametrize("to", [layers.LayerNormalization, lambda old: GroupNormalization(1)])
def test_what_is_frozen_stays_frozen(to):
    model = chain((8, 8, 4), layers.Conv2D(4, 3), BN(), layers.Conv2D(2, 3), BN())
    model.layers[1].trainable = False
    swapped = swap_normalization(model, to)
    assert [layer.trainable for layer in swapped.layers] == [True, False, True, True]
    model.trainable = False
    assert swap_normalization(model, to).trainable_weights == []
    assert fold_batch_normalization(model).trainable_weights == []
    outer = keras.Sequential([keras.Input((8, 8, 4)), model, layers.Flatten(), layers.Dense(2)])
    swapped = swap_normalization(outer, to)
    assert len(swapped.trainable_weights) == 2
    assert not swapped.layers[0].trainable
