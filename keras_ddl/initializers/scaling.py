"""How `lsuv_init` measures one layer and scales its kernel."""

import math
from dataclasses import replace

import keras
from keras import ops

from keras_ddl.graph import own_activation
from keras_ddl.initializers import report
from keras_ddl.initializers.kernels import kernel_layer, kernels, recurrent_kernel
from keras_ddl.initializers.pooled import Pooled, number, wide
from keras_ddl.initializers.search import ScaleSearch


class Scaled:
    """One layer, the state of its scaling and its measured variance.

    Args:
        steps: the `keras_ddl.graph.Step` of each call of the layer in a forward pass.
        target, tolerance, max_iterations, measure: the arguments of `lsuv_init`.
    """

    def __init__(self, steps, target, tolerance, max_iterations, measure):
        self.steps = steps
        self.layer = steps[0].layer
        self.target, self.tolerance, self.max_iterations = target, tolerance, max_iterations
        self.recurrent = recurrent_kernel(self.layer) is not None
        self.post = measure == "post_activation" and not self.recurrent
        self.iterations = 0
        self.status, self.note = self._obstacle()
        self.pooled = Pooled()
        self.variance_before = math.nan
        self.search = ScaleSearch(target, 2.0 * len(steps))

    @property
    def kernels(self) -> list[keras.Variable]:
        """The kernels that `lsuv_init` may change: those of the linear part and a recurrent one."""
        recurrent = recurrent_kernel(self.layer)
        return [*kernels(self.layer), *([] if recurrent is None else [recurrent])]

    @property
    def can_scale(self):
        """Whether the kernel may be changed."""
        return self.status not in {report.FROZEN, report.REFUSED}

    def report(self):
        return report.LayerReport(
            name=self.layer.path or self.layer.name,
            variance_before=self.variance_before,
            variance_after=self.pooled.variance,
            iterations=self.iterations,
            status=self.status,
            note=self.note,
        )

    def measure_before(self, call):
        """Measure a call of the unchanged model."""
        self.pooled.add(self._measured(call, self._linear(call)))

    def end_before(self):
        """Store the variance of the unchanged model, after all its calls have been measured."""
        self.variance_before, self.pooled = self.pooled.variance, Pooled()

    def visit(self, call):
        """Measure a call. If it is the layer's only call, rescale the kernel immediately.

        Returns:
            The outputs to pass to the next layer.
        """
        if call.index == 0:
            self.pooled = Pooled()
        if self.can_scale and len(self.steps) == 1:
            call = self._rescale(call)
        self.pooled.add(self._measured(call, self._linear(call)))
        if self.can_scale:
            self._update_status()
        return call.outputs

    def rescale_shared(self):
        """Rescale the kernel of a layer with several calls. Return whether this was necessary."""
        due = self.status == report.NOT_CONVERGED and len(self.steps) > 1
        if not due or self.iterations >= self.max_iterations:
            return False
        self._scale(self.search.step(self.pooled.variance))
        return True

    def _obstacle(self):
        """The initial status and note. They say whether something prevents scaling."""
        timed = isinstance(self.layer, keras.layers.TimeDistributed)
        if not kernels(self.layer):
            return report.REFUSED, _why_no_kernel(self.layer)
        if timed and own_activation(kernel_layer(self.layer)) is not None:
            return report.REFUSED, "put the activation inside TimeDistributed into a separate layer"
        kernel = kernels(self.layer)[-1]
        if not (self.layer.trainable and kernel_layer(self.layer).trainable and kernel.trainable):
            return report.FROZEN, ""
        return report.NOT_CONVERGED, ""

    def _update_status(self):
        if not math.isfinite(self.pooled.variance):
            self.status, self.note = report.NOT_FINITE, "NaN or infinite signals"
        elif self.pooled.flat:
            self.status, self.note = report.DEAD, "zero variance at any scale"
        elif abs(self.pooled.variance - self.target) <= self.tolerance:
            self.status, self.note = report.CONVERGED, ""
        else:
            self.status = report.NOT_CONVERGED

    def _linear(self, call):
        """The linear part of a call. For a recurrent layer, the product of inputs and kernel."""
        if self.recurrent:
            kernel = ops.cast(kernels(self.layer)[-1], call.inputs.dtype)
            return ops.matmul(call.inputs, kernel)
        return call.linear

    def _measured(self, call, linear):
        """The tensor whose variance is measured, if the linear part has the value `linear`."""
        if not self.post:
            return linear
        step = self.steps[call.index]
        if step.through:
            for layer in step.through:
                linear = layer(linear)  # at inference, like the surrounding call of the model
            return linear
        return linear if step.activation is None else step.activation(linear)

    def _scale(self, factor):
        kernel = kernels(self.layer)[-1]
        self._without_autocast(lambda: kernel.assign(ops.convert_to_tensor(kernel) * factor))
        self.iterations += 1

    def _without_autocast(self, action):
        """Call a function that reads or assigns the kernel in the precision of its variable."""
        layer = kernel_layer(self.layer)
        mixed = layer.compute_dtype != layer.variable_dtype
        return without_autocast(action) if mixed else action()

    def _rescale(self, call):
        """Rescale the kernel until the variance of the layer's only call reaches the target.

        Returns:
            The call with the new kernel.
        """
        linear = wide(self._linear(call))
        bias = None if self.recurrent else _bias(call)
        free = linear if bias is None else linear - bias
        part = Pooled()
        part.add(free)
        whole = part
        if self.post or bias is not None:
            whole = Pooled()
            whole.add(self._measured(call, self._linear(call)))
        if abs(whole.variance - self.target) <= self.tolerance:
            return call
        if part.flat or not math.isfinite(part.variance):
            return call
        factor, reached = self._factor(call, free, bias, part)
        first = self._without_autocast(kernels(self.layer)[-1].numpy)
        self._scale(factor)
        if self.recurrent or not reached:
            return call.again()
        scaled = free * factor if bias is None else free * factor + bias
        if (predicted := _predicted(call, scaled)) is not None:
            return predicted
        return self._rescale_by_trial(call, first)

    def _factor(self, call, free, bias, part):
        """The factor on the kernel, and whether it reaches the target. The bias is not scaled.

        Args:
            call: the layer's only call.
            free: the linear part without the bias.
            bias: the bias, or None.
            part: the mean and variance of `free`.
        """
        # The factor at which the linear part without the bias has the target variance.
        linear_factor = math.sqrt(self.target / part.variance)
        if not self.post:
            if bias is None:
                return linear_factor, True
            # Solve Var(a u + b) = a^2 Var(u) + 2 a Cov(u, b) + Var(b) = target for the factor a.
            biases, both = Pooled(), Pooled()
            biases.add(ops.broadcast_to(bias, ops.shape(free)))
            both.add(free + bias)
            covariance = (both.variance - part.variance - biases.variance) / 2
            root = covariance**2 + part.variance * (self.target - biases.variance)
            factor = (-covariance + math.sqrt(max(root, 0.0))) / part.variance
            if root < 0 or factor <= 0:
                self.note = f"the biases alone have variance {biases.variance:.3g}"
                return linear_factor, False
            return factor, True
        factor, search = linear_factor, ScaleSearch(self.target)
        for _ in range(self.max_iterations):
            scaled = free * factor if bias is None else free * factor + bias
            after = Pooled()
            after.add(self._measured(call, ops.cast(scaled, call.linear.dtype)))
            if abs(after.variance - self.target) <= self.tolerance:
                return factor, True
            if not 0 < after.variance < math.inf:
                break
            factor *= search.step(after.variance)
        self.note = (
            "no scale reaches the target after the activation; the linear part has it instead"
        )
        return linear_factor, False

    def _rescale_by_trial(self, call, first):
        """Rescale and measure repeatedly, for a layer whose output is not linear in its kernel.

        If this does not reach the target, the kernel gets its original value `first` again.
        """
        search = ScaleSearch(self.target)
        for _ in range(self.max_iterations):
            call = call.again()
            measured = Pooled()
            measured.add(self._measured(call, call.linear))
            if abs(measured.variance - self.target) <= self.tolerance:
                return call
            if measured.flat or not math.isfinite(measured.variance):
                break
            self._scale(search.step(measured.variance))
        self._without_autocast(lambda: kernels(self.layer)[-1].assign(first))
        self.note = "scaling the kernel does not scale the output accordingly"
        return call.again()


def _why_no_kernel(layer):
    if isinstance(layer, keras.layers.RNN):
        return "a recurrent layer whose cell has no plain kernel"
    inner = kernel_layer(layer)
    if getattr(inner, "lora_enabled", False):
        return "its kernel is frozen under LoRA"
    if getattr(inner, "quantization_mode", None):
        return "its kernel is quantized"
    return "the calls of the layers inside TimeDistributed cannot be observed"


class _WithoutAutocast(keras.layers.Layer):
    """Disables the autocast of an outer layer's call, in which variables have half precision.

    On PyTorch an assignment under autocast would be lost: it changes only a half-precision copy of
    the variable.
    """

    def __init__(self):
        super().__init__(autocast=False)

    def call(self, inputs, action):
        action()
        return inputs


def without_autocast(action):
    """Call a function without autocast, within the call of a layer, and return its result."""
    results = []
    _WithoutAutocast()(ops.zeros(()), action=lambda: results.append(action()))
    return results[0]


def _sample(call):
    """The first example of a call's input, or None if the call has several tensor arguments."""
    tensors = [x for x in keras.tree.flatten((call.args, call.kwargs)) if hasattr(x, "shape")]
    alone = len(tensors) == 1 and len(call.args) == 1 and tensors[0] is call.args[0]
    return call.args[0][:1] if alone else None


def _bias(call):
    """The bias that a layer adds, computed as its linear part for the input 0. None if it is 0."""
    layer = kernel_layer(call.layer)
    others = len(layer.weights) - len(kernels(layer))
    bias = getattr(layer, "bias", None)
    if not others or (
        others == 1 and bias is not None and not ops.any(ops.convert_to_tensor(bias))
    ):
        return None
    sample = _sample(call)
    zeros = ops.zeros_like(call.inputs if sample is None else sample)
    added = wide(call.again(zeros, *call.args[1:]).linear)
    return added if ops.any(added) else None


def _predicted(call, scaled):
    """The call with the rescaled linear part, without running the layer on the whole batch.

    As a check, the layer runs on the first example. The result is None if the outputs differ, for
    instance because the layer normalizes or rounds its kernel.
    """
    sample = _sample(call)
    if sample is None or ops.dtype(call.linear) not in {"float32", "float64"}:
        return None
    function = own_activation(call.layer)
    outputs = scaled if function is None else function(scaled)
    again = call.again(sample)
    for ours, fresh in ((scaled, again.linear), (outputs, again.outputs)):
        if ours.shape[1:] != fresh.shape[1:] or len(ours) == 0:
            return None
        spread = number(ops.max(ops.abs(fresh)))
        if not number(ops.max(ops.abs(ours[:1] - fresh))) <= 1e-3 * spread:
            return None
    return replace(call, linear=scaled, outputs=outputs)
