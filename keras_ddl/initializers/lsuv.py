"""Layer-sequential unit-variance (LSUV) initialization in one forward pass."""

import numpy as np

from keras_ddl._checks import one_of, positive, positive_integer
from keras_ddl._forward import stateless, whole_batch
from keras_ddl.examples import take
from keras_ddl.graph import Call, watch
from keras_ddl.initializers.kernels import hides_kernels, kernels, orthonormal_value
from keras_ddl.initializers.report import LSUVReport
from keras_ddl.initializers.scaling import Scaled
from keras_ddl.initializers.tracing import traced

SAMPLE = 8  # the number of examples for tracing the layers and measuring the variances before
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
    """Scale kernels so that every layer's output has the same variance on real examples.

    First, kernels are replaced by orthonormal ones. Then one forward pass visits the layers in
    execution order. At each layer the variance of the output is measured, the kernel is rescaled,
    and the rescaled output is passed to the next layer. A linear layer needs only one rescaling, so
    the cost for any depth is one forward pass plus the orthonormal kernels. A layer that is called
    several times is rescaled for all its calls together, and the pass is repeated until such layers
    have converged.

    ```python
    report = lsuv_init(model, x_train)
    print(report)
    assert report.converged
    ```

    Every layer with a kernel is rescaled, including the first and the last one: dense,
    convolutional, transposed, depthwise, separable and einsum layers, also in nested models and in
    any graph. Biases do not change, and the measured variance includes them. In a recurrent layer
    the kernel for the inputs is scaled, so that the product of inputs and kernel has the target
    variance, and the recurrent kernel becomes orthonormal. Nothing else changes: neither frozen
    layers nor moving statistics, recurrent states or random states. A layer that cannot be scaled,
    such as a quantized one or `TimeDistributed` around a model, appears in the report with the
    reason.

    Args:
        model: a `keras.Model`. An unbuilt model is built.
        x: inputs: an array, or a list or dictionary of arrays for several inputs; or a
            `tf.data.Dataset`, `keras.utils.PyDataset`, data loader or generator of batches. Labels
            are not used.
        target_variance: positive float, the target variance of each layer. Default 1.
        tolerance: positive float, the largest accepted distance from the target. Default .02.
        max_iterations: the largest number of rescalings of a layer. More than one is needed after
            an activation function, or if the layer is called several times. Default 10.
        orthonormal: whether to replace kernels by orthonormal ones first. If False, kernels are
            only scaled. Default True.
        measure: "pre_activation" (default) for the variance of a layer's linear part, or
            "post_activation" for the variance after the next activation function, which may be the
            layer's `activation=` or an activation layer (see `keras_ddl.graph.trace`). If no scale
            reaches the target after the activation, as with tanh and variance 1, the linear part
            gets the target variance instead.
        batch_size: the number of examples on which variances are measured, in one forward pass.
            Default 128. A model with a fixed batch size is measured on one batch of that size.
        seed: optional integer, the seed of the orthonormal kernels and of the choice of examples.

    Returns:
        `LSUVReport`: for each layer the variance before and after, the number of rescalings,
        whether it converged and, if not, the reason. Printing the report shows a table.

    Raises:
        ValueError: if an argument is invalid, the model cannot run `x`, or the model has no layer
            with a kernel.

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
            f"`model` must have a layer with a kernel to scale. Received: {model.name!r}"
        )
    with stateless(model, keep=[kernel for one in layers.values() for kernel in one.kernels]):
        for call in calls:
            if id(call.layer) in layers:
                layers[id(call.layer)].measure_before(call)
        calls.clear()
        for layer in layers.values():
            layer.end_before()
            if orthonormal and layer.can_scale:
                _make_orthonormal(layer, rng)
        _sweep(model, whole_batch(model, batch), layers, max_iterations)
    reports = tuple(layer.report() for layer in layers.values())
    return LSUVReport(reports, target_variance, tolerance, measure)


def _layers(steps, *settings):
    """All layers with a linear part, as `Scaled` by the layer's id, in execution order."""
    calls: dict[int, list] = {}
    for step in steps:
        if kernels(step.layer) or hides_kernels(step.layer):
            calls.setdefault(id(step.layer), []).append(step)
    return {key: Scaled(steps, *settings) for key, steps in calls.items()}


def _sweep(model, batch, layers, max_iterations):
    """Rescale every layer in one pass. Repeat it until layers with several calls converge."""
    visits = {key: layer.visit for key, layer in layers.items()}
    _pass(model, batch, visits)
    for _ in range(max_iterations):
        rescaled = [layer.rescale_shared() for layer in layers.values()]
        if not any(rescaled):
            break
        _pass(model, batch, visits)


def _pass(model, batch, visits):
    """Run one forward pass at inference that calls each layer's `visit` function."""

    def hook(call):
        visit = visits.get(id(call.layer))
        return None if visit is None else visit(call)

    with watch(model, hook):
        model(batch, training=False)


def _make_orthonormal(scaled, rng):
    for kernel in scaled.kernels:
        if kernel.trainable:
            kernel.assign(orthonormal_value(scaled.layer, kernel, rng))
