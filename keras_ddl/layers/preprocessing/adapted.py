"""What layers share whose weights are learned by `adapt`."""

from typing import Any

import keras
import numpy as np

from keras_ddl import examples


class AdaptedLayer(keras.layers.Normalization):
    """A layer whose weights are statistics of its inputs.

    It takes from core's `Normalization` that it runs inside a `tf.data` map on every backend. It
    computes in float32, or in float64 if that is its dtype, and gives its own dtype.

    Args:
        invert: whether calls undo what the layer does. Default False.
        **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(self, *, invert=False, **kwargs):
        # Half-precision inputs would lose what whitening enlarges: `call` casts them.
        super().__init__(invert=bool(invert), autocast=False, **kwargs)

    def build(self, input_shape):
        self._build_input_shape = tuple(input_shape)
        self.add_statistics(self._build_input_shape)
        self.built = True

    def adapt(self, data) -> None:
        """Learn the weights from data, in one pass. No more than a few batches are in memory.

        Args:
            data: an array or tensor; or a `tf.data.Dataset`, `keras.utils.PyDataset`, data loader
                or generator of batches `x`, `(x, y)` or `(x, y, sample_weight)`.

        Raises:
            ValueError: if there is no example, or the examples differ in shape from those that the
                layer was built for.
        """
        statistics = self.new_statistics()
        for batch in examples.batches(data, batch_size=256, name="data"):
            if not hasattr(batch, "shape"):
                raise ValueError(
                    "`data` must hold one input. "
                    f"Received: a {type(batch).__name__} of {len(keras.tree.flatten(batch))} arrays"
                )
            if not self.built:
                self.build((None, *batch.shape[1:]))
            self._check_shape(batch.shape)
            statistics.add(self.rows(batch))
        if not statistics.count:
            raise ValueError("`data` must hold at least one example. Received: none")
        self.take_statistics(statistics)

    def call(self, inputs) -> Any:
        # `self.backend` is TensorFlow's inside a tf.data map, whatever Keras' backend is.
        inputs = self.backend.convert_to_tensor(inputs)
        x = self.backend.cast(inputs, self.precision)
        outputs = self.restore(x) if self.invert else self.transform(x)
        return self.backend.cast(outputs, self.compute_dtype)

    def inverse(self, outputs) -> Any:
        """Undo what the layer does. Of several components it can restore only their part."""
        x = self.backend.cast(self.backend.convert_to_tensor(outputs), self.precision)
        undone = self.transform(x) if self.invert else self.restore(x)
        return self.backend.cast(undone, self.compute_dtype)

    @property
    def precision(self) -> str:
        """The dtype of weights and arithmetic."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def add_statistics(self, shape) -> None:
        """Create the weights for inputs of a shape with a batch axis."""
        raise NotImplementedError

    def new_statistics(self) -> Any:
        """What takes up rows by `add`, and counts them in `count`."""
        raise NotImplementedError

    def rows(self, batch) -> np.ndarray:
        """What is taken up of a batch."""
        raise NotImplementedError

    def take_statistics(self, statistics) -> None:
        """Set the weights."""
        raise NotImplementedError

    def transform(self, x) -> Any:
        """The outputs for inputs."""
        raise NotImplementedError

    def restore(self, x) -> Any:
        """The inputs for outputs."""
        raise NotImplementedError

    def finalize_state(self) -> None:
        """Nothing: the weights are used as they are."""

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("axis", "mean", "variance"):  # of core's `Normalization`
            del config[name]
        return config

    def statistic(self, name, shape, initializer) -> Any:
        """A weight that is not trained, in full precision."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            dtype=self.precision,
            trainable=False,
            autocast=False,
        )

    def _check_shape(self, shape):
        own = self._build_input_shape
        same = len(shape) == len(own) and all(
            known in (None, size) for known, size in zip(own[1:], shape[1:], strict=True)
        )
        if not same:
            raise ValueError(
                f"`data` must have examples of the shape {own[1:]} that the layer was built for. "
                f"Received: a batch of shape {tuple(shape)}"
            )
