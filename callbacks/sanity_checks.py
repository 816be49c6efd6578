"""Standard sanity checks before and during training."""

import math

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import finite, positive_integer
from keras_ddl._forward import Snapshot, random_states_kept, stateless, whole_batch
from keras_ddl.callbacks._attachment import attach, clear, detach
from keras_ddl.callbacks._monitor import NOT_MEASURED, Monitor
from keras_ddl.callbacks._targets import targets
from keras_ddl.callbacks.gradient_stats import by_layer, weights_by_layer
from keras_ddl.examples import is_arrays
from keras_ddl.optimizers import Instrumented

CHECKS = ("data", "labels", "initial_loss", "overfit", "loss", "update_ratio")
# Examples count as overfitted if the loss falls below this fraction of the initial loss.
OVERFIT_FRACTION = 0.3


class SanityChecks(Monitor):
    """Checks the data, the labels, the initial loss, overfitting of a few examples, and updates.

    Each check that fails issues a warning with the likely cause. Checks when training begins:

    - "data": all values are finite and normalised, with a mean between -1 and 1 and a standard
      deviation between .05 and 5.
    - "labels": the labels are in the range of the model's outputs.
    - "initial_loss": the loss is near ln C for C classes, the value for uniform predictions. For
      several outputs, it is near the weighted sum. This check runs only if the optimizer has made
      no update yet.
    - "overfit": the model can overfit a few examples within some steps. It is trained on them, and
      then weights, optimizer and random states are restored.

    "initial_loss" and "overfit" are skipped if the model was compiled without a loss.

    Checks during training:

    - "loss": the loss is finite.
    - "update_ratio": after the first epoch, the ratio of update norm to weight norm of each layer
      lies in the range `update_ratio`, by default within a factor of 30 of 1e-3.

    ```python
    checks = SanityChecks(x, y)
    model.fit(x, y, callbacks=[checks])
    checks.results  # {"data": "ok", "labels": "ok", "initial_loss": "...", ...}
    ```

    Args:
        x: inputs of the training set or a part of it: an array, or a list or dictionary of arrays.
        y: the targets of the same examples, in the structure that `fit` accepts.
        examples: the number of examples to check. Default 1000.
        overfit_examples: the number of examples to overfit. Default 16.
        overfit_steps: the number of training steps for it. 0 skips the check. Default 100.
        update_ratio: the healthy range of the update ratio. Default (3e-5, 3e-2).

    Attributes:
        results: dictionary from the name of each check to "ok" or to a description of the problem.
        messages: list of `(epoch, text)`, the warnings issued.

    Raises:
        ValueError: if `x` and `y` differ in length; or when training begins, if the model is not
            built or cannot run `x`.
    """

    def __init__(
        self,
        x,
        y,
        *,
        examples=1000,
        overfit_examples=16,
        overfit_steps=100,
        update_ratio=(3e-5, 3e-2),
    ) -> None:
        super().__init__()
        for name, data in (("x", x), ("y", y)):
            if not is_arrays(data):
                raise ValueError(
                    f"SanityChecks: `{name}` must be arrays; from a data set, take a few batches. "
                    f"Received: {name} of type {type(data).__name__}"
                )
        lengths = {len(array) for array in keras.tree.flatten((x, y))}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "SanityChecks: `x` and `y` must have the same length, above 0. "
                f"Received: lengths {sorted(lengths)}"
            )
        self.examples = positive_integer("examples", examples)
        self.x, self.y = _head((x, y), examples)
        self.overfit_examples = positive_integer("overfit_examples", overfit_examples)
        self.overfit_steps = overfit_steps and positive_integer("overfit_steps", overfit_steps)
        low, high = update_ratio
        self.update_ratio = (
            finite("update_ratio", low),
            finite("update_ratio", high),
        )
        self.results: dict[str, str] = {}

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        self.results = {}
        clear(self, self.model)
        plain = self.model.optimizer
        if not plain.built:
            plain.build(self.model.trainable_variables)
        with random_states_kept():
            self._before_training(plain)
        self._instrument = attach(self, self.model, Instrumented, Instrumented)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._instrument.reset()

    def on_epoch_end(self, epoch, logs=None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            self.results.setdefault("loss", "ok")
        elif self.results.get("loss", "ok") == "ok":
            text = (
                f"the loss is {loss}. Likely the learning rate is too high, or a custom loss or "
                "layer takes the logarithm of 0 or divides by 0."
            )
            self._record(epoch, "loss", text)
        if "update_ratio" not in self.results:  # only after the first epoch
            norms = by_layer(self._instrument, weights_by_layer(self.model))
            self._record(epoch, "update_ratio", self._ratios(norms) if norms else NOT_MEASURED)

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)

    def _before_training(self, plain):
        try:
            with stateless(self.model):
                outputs = self.model(whole_batch(self.model, _head(self.x, 100)), training=False)
        except Exception as error:
            shapes = keras.tree.map_structure(np.shape, self.x)
            raise ValueError(
                "SanityChecks: the model cannot run `x`. Pass inputs in the structure of the "
                f"model's inputs. Received: x of shape {shapes}; {error}"
            ) from error
        outputs = keras.tree.map_structure(ops.convert_to_numpy, outputs)
        self._targets = targets(self.model, self.y, outputs)
        self._record(0, "data", self._data())
        wrong_labels = next(filter(None, (target.wrong() for target in self._targets)), None)
        self._record(0, "labels", wrong_labels)
        if wrong_labels or self.model.loss is None:
            return  # the loss would be meaningless or does not exist
        kept = Snapshot(self.model, plain)
        try:
            initial = self._loss(self.x, self.y)
            if int(ops.convert_to_numpy(plain.iterations)) == 0:
                self._record(0, "initial_loss", self._initial(initial))
            if self.overfit_steps:
                self._record(0, "overfit", self._overfit())
        finally:
            kept.restore()

    def _record(self, epoch, check, wrong):
        """Store the result of a check, and warn if it failed. `wrong` is a text or None."""
        self.results[check] = wrong or "ok"
        if wrong:
            self.warn(epoch, wrong)

    def _data(self):
        for array in keras.tree.flatten(self.x):
            values = ops.convert_to_numpy(array) if ops.is_tensor(array) else np.asarray(array)
            if not np.issubdtype(values.dtype, np.floating):
                if values.dtype == np.uint8 and values.max(initial=0) > 1:
                    return f"`x` has bytes up to {values.max()}: scale it, as by `x / 255`."
                continue  # integers such as token ids need no normalisation
            if not np.isfinite(values).all():
                bad = np.count_nonzero(~np.isfinite(values))
                return f"`x` has {bad} values that are not finite. Fix or drop these examples."
            mean, std = values.mean(dtype=np.float64), values.std(dtype=np.float64)
            if abs(mean) > 1 or not 0.05 <= std <= 5:
                return (
                    f"`x` is not normalised: mean {mean:.3g}, standard deviation {std:.3g}. "
                    "Subtract the mean and divide by the deviation of the training set."
                )
        return None

    def _initial(self, loss):
        weights = _loss_weights(self.model, self._targets)
        if weights is None or not all(target.is_classification for target in self._targets):
            return None
        expected = sum(
            weight * math.log(target.classes)
            for weight, target in zip(weights, self._targets, strict=True)
        )
        if not expected or 0.5 * expected <= loss <= 1.5 * expected:
            return None
        cause = "the last layer's initial weights are too large, or `x` is not normalised"
        if loss < 0.5 * expected:
            cause = "the weights are already trained, or the classes are very imbalanced"
        for target in self._targets:
            logits = getattr(target.loss, "from_logits", False)
            sums_to_one = np.allclose(target.outputs.sum(axis=-1), 1, atol=1e-3)
            if target.kind != "binary_crossentropy" and logits == sums_to_one:
                cause = (
                    "softmax is applied twice, by the model and by the loss: remove one of them"
                    if logits
                    else "the loss treats logits as probabilities: pass it `from_logits=True`"
                )
        if len(self._targets) > 1:
            return (
                f"the initial loss is {loss:.3g}; for uniform predictions the weighted sum over "
                f"all outputs is {expected:.3g}. Likely {cause}."
            )
        classes = self._targets[0].classes
        return (
            f"the initial loss is {loss:.3g}; for uniform predictions over {classes} classes it is "
            f"ln {classes} = {expected:.3g}. Likely {cause}."
        )

    def _overfit(self):
        """Train on a few examples. The caller restores the model's state."""
        x, y = whole_batch(self.model, _head((self.x, self.y), self.overfit_examples))
        before = self._loss(x, y)
        function = self.model.train_function
        self.model.make_train_function(force=True)  # this batch has another size
        try:
            for _ in range(self.overfit_steps):
                self.model.train_on_batch(x, y)
        finally:
            self.model.train_function = function
        after = self._loss(x, y)
        if after < OVERFIT_FRACTION * before:
            return None
        return (
            f"{len(keras.tree.flatten(y)[0])} examples could not be overfitted: after "
            f"{self.overfit_steps} steps the loss is {after:.3g}, and it was {before:.3g} before. "
            "Likely the learning rate is far too high or low, labels and examples do not match, "
            "the network is dead or too small, or it is regularized too much."
        )

    def _ratios(self, norms):
        low, high = self.update_ratio
        ratios = {
            name: layer["update"] / layer["weight"]
            for name, layer in norms.items()
            if layer["weight"] and math.isfinite(layer["update"] / layer["weight"])
        }
        wrong = {name: ratio for name, ratio in ratios.items() if not low <= ratio <= high}
        if not wrong:
            return None
        name = max(
            wrong, key=lambda name: abs(math.log10(wrong[name] / 1e-3)) if wrong[name] else 99
        )
        advice = "lower" if wrong[name] > high else "raise"
        others = f", and {len(wrong) - 1} more layers are out of range" if len(wrong) > 1 else ""
        return (
            f"the update ratio of {name!r} is {wrong[name]:.2g}{others}; about 1e-3 is healthy. "
            f"Likely you should {advice} the learning rate."
        )

    def _loss(self, x, y):
        """The loss at inference, without the losses of regularizers."""
        x, y = whole_batch(self.model, (x, y))
        total = self.model.test_on_batch(x, y, return_dict=True)["loss"]
        self.model.reset_metrics()
        return float(total) - sum(float(ops.convert_to_numpy(part)) for part in self.model.losses)


def _head(arrays, count):
    return keras.tree.map_structure(lambda array: array[:count], arrays)


def _loss_weights(model, parts):
    """The weight of each output in the loss, or None if the weights cannot be assigned."""
    if len(parts) == 1:
        return [1.0]
    weights = (model.get_compile_config() or {}).get("loss_weights")
    if weights is None:
        return [1.0] * len(parts)
    if isinstance(weights, dict):
        return [weights.get(part.name, 1.0) for part in parts]
    return weights if isinstance(weights, list) and len(weights) == len(parts) else None
