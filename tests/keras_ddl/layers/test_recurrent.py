"""Recurrent cells with layer normalization, against NumPy."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.layers import LayerNormGRUCell, LayerNormLSTMCell, LayerNormSimpleRNNCell

CELLS = [LayerNormLSTMCell, LayerNormGRUCell]
UNITS, FEATURES, STEPS = 3, 4, 5


def sequences(batch=2):
    return np.random.default_rng(0).normal(size=(batch, STEPS, FEATURES)).astype("float32")


def run(layer, *args, **kwargs):
    return ops.convert_to_numpy(layer(*args, **kwargs))


def randomized(layer, shape=(None, STEPS, FEATURES)):
    """The layer built, with weights of which none is 0 or 1."""
    layer.build(shape)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Reference:
    """The cells' equations on float64 arrays."""

    def __init__(self, cell, x_scale=1, h_scale=1):
        self.cell = cell
        self.x_scale, self.h_scale = x_scale, h_scale

    def array(self, name):
        return np.asarray(ops.convert_to_numpy(getattr(self.cell, name).value), "float64")

    def norm(self, name, x):
        layer = Reference(getattr(self.cell, name))
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + self.cell.norm_epsilon)
        return x * layer.array("gamma") + layer.array("beta")

    def lstm(self, x, state):
        h, c = state
        x, h = self.x_scale * x, self.h_scale * h
        a = self.norm("kernel_norm", x @ self.array("kernel"))
        a = a + self.norm("recurrent_norm", h @ self.array("recurrent_kernel"))
        if self.cell.use_bias:
            a = a + self.array("bias")
        i, f, g, o = np.split(a, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        normal = self.norm("state_norm", c)
        return sigmoid(o) * np.tanh(normal), normal if self.cell.normalize_carry else c

    def gru(self, x, state):
        (old,) = state
        x, h, units = self.x_scale * x, self.h_scale * old, self.cell.units
        w, u = self.array("kernel"), self.array("recurrent_kernel")
        b = self.array("bias") if self.cell.use_bias else np.zeros((2, 3 * units))
        if b.ndim == 1:
            b = np.stack([b, np.zeros_like(b)])
        two = 2 * units
        gates = self.norm("kernel_norm", x @ w[:, :two]) + b[0, :two]
        gates = gates + self.norm("recurrent_norm", h @ u[:, :two]) + b[1, :two]
        z, r = np.split(sigmoid(gates), 2, axis=-1)
        candidate = self.norm("candidate_kernel_norm", x @ w[:, two:]) + b[0, two:]
        if self.cell.reset_after:
            inner = self.norm("candidate_recurrent_norm", h @ u[:, two:]) + b[1, two:]
            candidate = candidate + r * inner
        else:
            candidate = candidate + self.norm("candidate_recurrent_norm", (r * h) @ u[:, two:])
        return (z * old + (1 - z) * np.tanh(candidate),)

    def simple(self, x, state):
        total = x @ self.array("kernel") + state[0] @ self.array("recurrent_kernel")
        bias = self.array("bias") if self.cell.use_bias else 0
        return (np.tanh(self.norm("norm", total) + bias),)

    def __call__(self, x, mask=None):
        is_lstm = isinstance(self.cell, LayerNormLSTMCell)
        is_gru = isinstance(self.cell, LayerNormGRUCell)
        step_of = self.lstm if is_lstm else self.gru if is_gru else self.simple
        state = tuple(np.zeros((len(x), self.cell.units)) for _ in range(2 if is_lstm else 1))
        outputs = []
        for step in range(x.shape[1]):
            after = step_of(x[:, step], state)
            seen = np.ones((len(x), 1), bool) if mask is None else mask[:, step, None]
            state = tuple(np.where(seen, a, b) for a, b in zip(after, state, strict=True))
            outputs.append(state[0])
        return np.stack(outputs, axis=1)


@pytest.mark.parametrize(
    "cell",
    [
        LayerNormLSTMCell(UNITS),
        LayerNormLSTMCell(UNITS, use_bias=False, norm_epsilon=0.5),
        LayerNormLSTMCell(UNITS, normalize_carry=True),
        LayerNormGRUCell(UNITS),
        LayerNormGRUCell(UNITS, use_bias=False, norm_epsilon=0.5),
        LayerNormGRUCell(UNITS, reset_after=False),
        LayerNormSimpleRNNCell(UNITS),
        LayerNormSimpleRNNCell(UNITS, use_bias=False, norm_epsilon=0.5),
    ],
    ids=[
        "lstm",
        "lstm no bias",
        "lstm carry",
        "gru",
        "gru no bias",
        "gru reset before",
        "simple",
        "simple no bias",
    ],
)
def test_a_sequence_gives_what_the_equations_say(cell):
    rnn = randomized(layers.RNN(cell, return_sequences=True))
    x = sequences()
    np.testing.assert_allclose(run(rnn, x), Reference(cell)(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_masked_steps_leave_the_state(cell):
    rnn = randomized(layers.RNN(cell(UNITS)))
    x, mask = sequences(), np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
    expected = Reference(rnn.cell)(x, mask)[:, -1]
    np.testing.assert_allclose(run(rnn, x, mask=mask), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_the_scale_of_the_input_does_not_matter(cell):
    """What layer normalization is for, but for epsilon."""
    rnn = randomized(layers.RNN(cell(UNITS, norm_epsilon=1e-6)))
    x = sequences()
    np.testing.assert_allclose(run(rnn, 1000 * x), run(rnn, x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(cell, dtype):
    rnn = randomized(layers.RNN(cell(UNITS, dtype=dtype), dtype=dtype))
    assert {weight.dtype for weight in rnn.weights} == {"float32"}
    assert rnn.cell.kernel_norm.dtype_policy.name == dtype
    out = rnn(sequences())
    assert keras.backend.standardize_dtype(out.dtype) == rnn.compute_dtype
    expected = Reference(rnn.cell)(sequences())[:, -1]
    result = ops.convert_to_numpy(ops.cast(out, "float32"))
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.1)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("what", ["dropout", "recurrent_dropout"])
def test_one_dropout_mask_holds_for_all_gates_and_steps(cell, what):
    """One feature and one unit: it is dropped throughout the sequence, or doubled throughout."""
    rnn = layers.RNN(cell(1, **{what: 0.5}, seed=3), return_sequences=True)
    randomized(rnn, (None, STEPS, 1))
    x = np.repeat(sequences(1)[:, :, :1], 16, axis=0)
    drawn = run(rnn, x, training=True)
    scaled = "x_scale" if what == "dropout" else "h_scale"
    dropped, doubled = (Reference(rnn.cell, **{scaled: scale})(x) for scale in (0, 2))
    errors = [abs(drawn - either).max(axis=(1, 2)) for either in (dropped, doubled)]
    assert np.minimum(*errors).max() < 1e-5
    assert (errors[0] < errors[1]).any()
    assert (errors[0] > errors[1]).any()
    assert (run(rnn, x, training=True) != drawn).any()
    np.testing.assert_allclose(run(rnn, x), Reference(rnn.cell)(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "cell",
    [
        LayerNormLSTMCell,
        *(
            pytest.param(one, marks=pytest.mark.exhaustive)
            for one in CELLS
            if one is not LayerNormLSTMCell
        ),
    ],
)
def test_trains_compiled_stacked_and_bidirectional_and_survives_saving(cell, tmp_path):
    other = {"normalize_carry": True} if cell is LayerNormLSTMCell else {"reset_after": False}
    stack = [
        cell(UNITS, recurrent_dropout=0.1),
        cell(UNITS, norm_gamma_initializer="random_uniform", norm_epsilon=0.1, **other),
    ]
    model = keras.Sequential(
        [
            keras.Input((None, FEATURES)),
            layers.Bidirectional(layers.RNN(stack)),
            layers.Dense(1),
        ]
    )
    # XLA would take TensorFlow longer to compile than all the rest.
    jit_compile = False if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=jit_compile)
    x, y = sequences(8), np.linspace(-1, 1, 8)[:, None].astype("float32")
    history = model.fit(x, y, batch_size=8, epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(run(loaded, x), run(model, x), rtol=1e-6)
    second = loaded.layers[0].forward_layer.cell.cells[1]
    assert second.get_config() == model.layers[0].forward_layer.cell.cells[1].get_config()


@pytest.mark.parametrize("cell", CELLS)
def test_takes_the_arguments_of_tensorflow_addons(cell):
    made = cell(
        units=UNITS,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer="l2",
        kernel_constraint="max_norm",
        dropout=0.1,
        recurrent_dropout=0.1,
        norm_gamma_initializer=keras.initializers.Constant(0.1),
        norm_beta_initializer="zeros",
        norm_epsilon=1e-3,
        name="cell",
    )
    made.build((None, FEATURES))
    np.testing.assert_allclose(Reference(made.kernel_norm).array("gamma"), 0.1)
    assert cell.from_config(made.get_config()).get_config() == made.get_config()


@pytest.mark.parametrize("cell", [*CELLS, LayerNormSimpleRNNCell])
def test_norms_have_regularizers_and_constraints(cell):
    made = cell(
        UNITS,
        norm_gamma_regularizer="l2",
        norm_beta_regularizer="l1",
        norm_gamma_constraint="non_neg",
        norm_beta_constraint="max_norm",
    )
    made.build((None, FEATURES))
    norms = [getattr(made, name) for name, _ in made._norms]
    assert len(made.losses) == 2 * len(norms)
    for norm in norms:
        assert isinstance(norm.gamma.constraint, keras.constraints.NonNeg)
        assert isinstance(norm.beta.constraint, keras.constraints.MaxNorm)
    assert cell.from_config(made.get_config()).get_config() == made.get_config()


def test_the_forget_gate_keeps_its_bias():
    cell = LayerNormLSTMCell(UNITS)
    cell.build((None, FEATURES))
    bias = ops.convert_to_numpy(cell.bias.value)
    np.testing.assert_array_equal(bias, [0] * UNITS + [1] * UNITS + [0] * 2 * UNITS)


def test_units_must_be_positive():
    with pytest.raises(ValueError, match="units"):
        LayerNormLSTMCell(0)
