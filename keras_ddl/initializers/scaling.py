"""One layer under `lsuv_init`: what is measured of it, and how its kernel is scaled."""

import math
from dataclasses import replace

import keras
from keras import ops

from keras_ddl.graph import own_activation
from keras_ddl.initializers import report
from keras_ddl.initializers.kernels import holder, kernels, recurrent_kernel
from keras_ddl.initializers.pooled import Pooled, number, wide
from keras_ddl.initializers.search import ScaleSearch


class Scaled:
    """A layer whose kernel is scaled.

    Args:
        steps: the layer's calls in a forward pass, `keras_ddl.graph.Step`.
        target, tolerance, max_iterations, measure: of `lsuv_init`.
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
        """The variables that may be assigned to: the linear part's, and a recurrent one."""
        recurrent = recurrent_kernel(self.layer)
        return [*kernels(self.layer), *([] if recurrent is None else [recurrent])]

    @property
    def open(self):
        """Whether its kernel may be changed."""
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

    def before(self, call):
        """Measure a call in the model as it was given."""
        self.pooled.add(self._measured(call, self._linear(call)))

    def begin(self):
        """All calls have been measured as the model was given."""
        self.variance_before, self.pooled = self.pooled.variance, Pooled()

    def visit(self, call):
        """Measure a call, and rescale the kernel at once if it is the only one.

        Returns:
            The outputs that go on.
        """
        if call.index == 0:
            self.pooled = Pooled()
        if self.open and len(self.steps) == 1:
            call = self._settle(call)
        self.pooled.add(self._measured(call, self._linear(call)))
        if self.open:
            self._judge()
        return call.outputs

    def move(self):
        """Rescale a kernel of several calls after a pass; whether it was."""
        due = self.status == report.NOT_CONVERGED and len(self.steps) > 1
        if not due or self.iterations >= self.max_iterations:
            return False
        self._scale(self.search.step(self.pooled.variance))
        return True

    def _obstacle(self):
        timed = isinstance(self.layer, keras.layers.TimeDistributed)
        if not kernels(self.layer):
            return report.REFUSED, _why_no_kernel(self.layer)
        if timed and own_activation(holder(self.layer)) is not None:
            return report.REFUSED, "put the activation inside TimeDistributed into a separate layer"
        kernel = kernels(self.layer)[-1]
        if not (self.layer.trainable and holder(self.layer).trainable and kernel.trainable):
            return report.FROZEN, ""
        return report.NOT_CONVERGED, ""

    def _judge(self):
        if not math.isfinite(self.pooled.variance):
            self.status, self.note = report.NOT_FINITE, "NaN or infinite signals"
        elif self.pooled.flat:
            self.status, self.note = report.DEAD, "no variance, whatever the scale"
        elif abs(self.pooled.variance - self.target) <= self.tolerance:
            self.status, self.note = report.CONVERGED, ""
        else:
            self.status = report.NOT_CONVERGED

    def _linear(self, call):
        """The linear part of a call; of a recurrent layer, the product of inputs and kernel."""
        if self.recurrent:
            kernel = ops.cast(kernels(self.layer)[-1], call.inputs.dtype)
            return ops.matmul(call.inputs, kernel)
        return call.linear

    def _measured(self, call, linear):
        """What the variance is taken of, given a value of the linear part."""
        if not self.post:
            return linear
        step = self.steps[call.index]
        if step.through:
            for layer in step.through:
                linear = layer(linear)  # not in training, as the model that calls
            return linear
        return linear if step.activation is None else step.activation(linear)

    def _scale(self, factor):
        kernel = kernels(self.layer)[-1]
        self._outside_casts(lambda: kernel.assign(ops.convert_to_tensor(kernel) * factor))
        self.iterations += 1

    def _outside_casts(self, action):
        """What a function returns that reads or assigns the kernel in its own precision."""
        layer = holder(self.layer)
        mixed = layer.compute_dtype != layer.variable_dtype
        return in_full_precision(action) if mixed else action()

    def _settle(self, call):
        """Rescale the kernel of the only call until its variance is the target."""
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
        first = self._outside_casts(kernels(self.layer)[-1].numpy)
        self._scale(factor)
        if self.recurrent or not reached:
            return call.again()
        scaled = free * factor if bias is None else free * factor + bias
        if (predicted := _predicted(call, scaled)) is not None:
            return predicted
        return self._again_and_again(call, first)

    def _factor(self, call, free, bias, part):
        """The scale that gives the target, and whether it does; the bias stays as it is."""
        alone = math.sqrt(self.target / part.variance)
        if not self.post:
            if bias is None:
                return alone, True
            # Var(a u + b) = a^2 Var(u) + 2 a Cov(u, b) + Var(b), with every unit's own bias.
            own, both = Pooled(), Pooled()
            own.add(ops.broadcast_to(bias, ops.shape(free)))
            both.add(free + bias)
            covariance = (both.variance - part.variance - own.variance) / 2
            root = covariance**2 + part.variance * (self.target - own.variance)
            factor = (-covariance + math.sqrt(max(root, 0.0))) / part.variance
            if root < 0 or factor <= 0:
                self.note = f"the biases alone have variance {own.variance:.3g}"
                return alone, False
            return factor, True
        factor, search = alone, ScaleSearch(self.target)
        for _ in range(self.max_iterations):
            scaled = free * factor if bias is None else free * factor + bias
            after = Pooled()
            after.add(self._measured(call, ops.cast(scaled, call.linear.dtype)))
            if abs(after.variance - self.target) <= self.tolerance:
                return factor, True
            if not 0 < after.variance < math.inf:
                break
            factor *= search.step(after.variance)
        self.note = "no scale gives it after the activation; the linear part has it instead"
        return alone, False

    def _again_and_again(self, call, first):
        """Rescale by what is measured, for a layer whose output is not the kernel's multiple.

        If that does not do either, the kernel becomes what it was at first.
        """
        search = ScaleSearch(self.target)
        for _ in range(self.max_iterations):
            call = call.again()
            found = Pooled()
            found.add(self._measured(call, call.linear))
            if abs(found.variance - self.target) <= self.tolerance:
                return call
            if found.flat or not math.isfinite(found.variance):
                break
            self._scale(search.step(found.variance))
        self._outside_casts(lambda: kernels(self.layer)[-1].assign(first))
        self.note = "scaling the kernel does not scale the output as it should"
        return call.again()


def _why_no_kernel(layer):
    if isinstance(layer, keras.layers.RNN):
        return "a recurrent layer whose cell has no plain kernel"
    inner = holder(layer)
    if getattr(inner, "lora_enabled", False):
        return "its kernel is frozen under LoRA"
    if getattr(inner, "quantization_mode", None):
        return "its kernel is quantized"
    return "the calls of the layers inside TimeDistributed cannot be seen"


class _FullPrecision(keras.layers.Layer):
    """Leaves the scope of the layer around it, in which variables read in half precision.

    On PyTorch an assignment there is lost: it goes to the variable's half-precision copy.
    """

    def __init__(self):
        super().__init__(autocast=False)

    def call(self, inputs, action):
        action()
        return inputs


def in_full_precision(action):
    """What a function returns that is called within a layer's call, without mixed precision."""
    results = []
    _FullPrecision()(ops.zeros(()), action=lambda: results.append(action()))
    return results[0]


def _sample(call):
    """The first example of a call's input, or None if the arguments cannot be cut to it."""
    tensors = [x for x in keras.tree.flatten((call.args, call.kwargs)) if hasattr(x, "shape")]
    alone = len(tensors) == 1 and len(call.args) == 1 and tensors[0] is call.args[0]
    return call.args[0][:1] if alone else None


def _bias(call):
    """What a layer adds to its linear part: what is left of it at input 0. None if nothing."""
    layer = holder(call.layer)
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
    """The call with a rescaled linear part, computed without another call.

    The first example is computed anew and compared. None if it differs, as it does if something
    normalizes the kernel, or if the kernel is rounded.
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
