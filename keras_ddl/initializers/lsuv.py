"""Layer-sequential unit-variance initialization, in one sweep."""

import numpy as np

from keras_ddl._checks import one_of, positive, positive_integer
from keras_ddl._forward import stateless, whole_batch
from keras_ddl.examples import take
from keras_ddl.graph import Call, watch
from keras_ddl.initializers.kernels import hides_kernels, kernels, orthonormal_value
from keras_ddl.initializers.report import LSUVReport
from keras_ddl.initializers.scaling import Scaled
from keras_ddl.initializers.tracing import traced

SAMPLE = 8  # examples that show the order of the layers and the variances before
MEASURES = ("pre_activation", "post_activation")


def lsuv_init(
    model,
    x,
    *,
    target_variance=1.0,
    tolerance=0.02,
    max_iterations=10,
    orthonormal=True,
    measure="pre_activation",
    batch_size=128,
    seed=None,
) -> LSUVReport:
    """Give every layer's output the same variance on real examples, by scaling its kernel.

    Kernels become orthonormal, then one forward pass goes through the layers in the order in which
    they run: at each the variance of what comes out is measured, the kernel is rescaled, and the
    rescaled output goes on. A linear layer needs a single rescaling, so a network of any depth
    costs one forward pass and its orthonormal kernels. Layers that are called several times are
    rescaled for all their calls together, and the pass is repeated until they have settled.

    ```python
    report = lsuv_init(model, x_train)
    print(report)
    assert report.converged
    ```

    Every layer with a kernel takes part, first and last included: dense, convolutional, transposed,
    depthwise, separable and einsum layers, nested and in any graph. Biases are kept, and counted
    in. Of a recurrent layer the kernel is scaled that its inputs meet, so that this product has the
    variance, and the kernel that its state meets becomes orthonormal. Nothing else changes: no
    frozen layer, no moving statistics, no recurrent state, no random state. A layer that cannot
    be scaled is in the report, with the reason: a quantized one, `TimeDistributed` around a model.

    Args:
        model: a `keras.Model`. If it is not built, it is.
        x: inputs: arrays, or several in a list or dictionary; or a `tf.data.Dataset`,
            `keras.utils.PyDataset`, data loader or generator of batches. Labels are not used.
        target_variance: positive float, the variance that each layer gets. Default 1.
        tolerance: positive float, how far from it a variance may be. Default .02.
        max_iterations: how often a layer is rescaled at most, where one time is not enough: after
            an activation function, or if it is called several times. Default 10.
        orthonormal: whether kernels are made orthonormal first, or keep their directions. Default
            True.
        measure: "pre_activation" (default): the variance of a layer's linear part, or
            "post_activation": after the activation function that follows, be it the layer's
            `activation=` or an activation layer, see `keras_ddl.graph.trace`. Where no scale
            gives the variance, as with tanh and 1, the linear part gets it instead.
        batch_size: how many examples the variances are measured on, in one forward pass. Default
            128. A model whose inputs have a fixed batch size is measured on one such batch.
        seed: optional integer, seed of the orthonormal kernels and of the choice of examples.

    Returns:
        `LSUVReport`: for each layer the variance before and after, how often it was rescaled, and
        whether it converged; if not, why. Printed it is a table.

    Raises:
        ValueError: if an argument is not as said above, the model cannot run `x`, or the model has
            no layer with a kernel.

    Reference: Mishkin & Matas, "All you need is a good init", arXiv 1511.06422.
    """
    positive("target_variance", target_variance)
    positive("tolerance", tolerance)
    positive_integer("max_iterations", max_iterations)
    one_of("measure", measure, MEASURES)
    rng = np.random.default_rng(seed)
    batch = take(x, positive_integer("batch_size", batch_size), rng)
    calls: list[Call] = []
    steps = traced(model, batch, SAMPLE, hook=calls.append)
    layers = _layers(steps, target_variance, tolerance, max_iterations, measure)
    if not layers:
        raise ValueError(
            f"`model` must have a layer with a kernel to be scaled. Received: {model.name!r}"
        )
    with stateless(model, keep=[kernel for one in layers.values() for kernel in one.kernels]):
        for call in calls:
            if id(call.layer) in layers:
                layers[id(call.layer)].before(call)
        calls.clear()
        for layer in layers.values():
            layer.begin()
            if orthonormal and layer.open:
                _make_orthonormal(layer, rng)
        _sweep(model, whole_batch(model, batch), layers, max_iterations)
    reports = tuple(layer.report() for layer in layers.values())
    return LSUVReport(reports, target_variance, tolerance, measure)


def _layers(steps, *settings):
    """By identity, in execution order, the layers that are scaled or would be if they could."""
    found: dict[int, list] = {}
    for step in steps:
        if kernels(step.layer) or hides_kernels(step.layer):
            found.setdefault(id(step.layer), []).append(step)
    return {key: Scaled(steps, *settings) for key, steps in found.items()}


def _sweep(model, batch, layers, max_iterations):
    """One pass that rescales every layer in turn, and more while layers of several calls move."""
    visits = {key: layer.visit for key, layer in layers.items()}
    _pass(model, batch, visits)
    for _ in range(max_iterations):
        moved = [layer.move() for layer in layers.values()]
        if not any(moved):
            break
        _pass(model, batch, visits)


def _pass(model, batch, visits):
    """One forward pass at inference in which each layer's calls are visited."""

    def hook(call):
        visit = visits.get(id(call.layer))
        return None if visit is None else visit(call)

    with watch(model, hook):
        model(batch, training=False)


def _make_orthonormal(scaled, rng):
    for kernel in scaled.kernels:
        if kernel.trainable:
            kernel.assign(orthonormal_value(scaled.layer, kernel, rng))
