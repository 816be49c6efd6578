"""Adam whose adaptive rates wait until their variance is small."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_ddl")
class RectifiedAdam(keras.optimizers.Adam):
    """Rectified Adam: Adam without warm-up.

    Adam divides by the root of an average of squared gradients. Of the first few gradients, this
    average has a large variance, which is why Adam often needs a warm-up of the learning rate. The
    length of the average, `rho`, grows from 1 to `2 / (1 - beta_2) - 1`. While it is at most 5, the
    update is SGD with momentum. After that it is Adam's, multiplied by a factor below 1 that
    corrects for the variance:

    ```
    m = beta_1 * m + (1 - beta_1) * gradient,  v = beta_2 * v + (1 - beta_2) * gradient ** 2
    longest = 2 / (1 - beta_2) - 1
    rho = longest - 2 * t * beta_2 ** t / (1 - beta_2 ** t)
    r = sqrt((rho - 4) (rho - 2) longest / ((longest - 4) (longest - 2) rho))
    weight -= rate * m / (1 - beta_1 ** t) * (r * sqrt(1 - beta_2 ** t) / (sqrt(v) + epsilon)
                                              if rho > 5 else 1)
    ```

    Args:
        learning_rate: float, `LearningRateSchedule` or callable. Default .001.
        beta_1: float in [0, 1), the decay of the average of gradients. Default .9.
        beta_2: float in [0, 1), the decay of the average of squared gradients. Default .999.
        epsilon: float added to the root. Default 1e-8, as in PyTorch's `RAdam`.
        **kwargs: passed to `keras.optimizers.Adam`; `amsgrad` cannot be set.

    Raises:
        ValueError: if `amsgrad` is set.

    Reference: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond",
    arXiv:1908.03265.
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, **kwargs
    ) -> None:
        if kwargs.pop("amsgrad", False):
            raise ValueError("RectifiedAdam has no AMSGrad variant. Received: amsgrad=True")
        super().__init__(
            learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **kwargs
        )

    def update_step(self, gradient, variable, learning_rate) -> None:
        place, dtype = self._get_variable_index(variable), variable.dtype
        rate, gradient = ops.cast(learning_rate, dtype), ops.cast(gradient, dtype)
        m, v = self._momentums[place], self._velocities[place]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        # In float32: half precision has no numbers for the powers of beta_2.
        step = ops.cast(self.iterations + 1, "float32")
        decay = -math.log(self.beta_2)
        correction_1, correction_2 = 1 - self.beta_1**step, -ops.expm1(-step * decay)
        longest = 2 / (1 - self.beta_2) - 1
        rho = _length(step, decay, longest)
        known = ops.maximum(rho, 5.0)  # keeps the root real where it is not used
        r = ops.sqrt(
            (known - 4) * (known - 2) * longest / ((longest - 4) * (longest - 2) * known)
        ) * ops.sqrt(correction_2)
        r = ops.where(rho > 5, r, 1.0)
        root = ops.sqrt(ops.convert_to_tensor(v)) + self.epsilon
        root = ops.where(rho > 5, root, ops.ones_like(root))
        self.assign_sub(variable, m * (rate * ops.cast(r / correction_1, dtype)) / root)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["amsgrad"]
        return config


def _length(step, decay, longest):
    """`rho`, the length of the average of squared gradients, in float32 without cancellation.

    As written, `rho` is a small difference of large numbers in the first steps, where it matters.
    With `beta_2 = exp(-decay)` and `a = decay * step` it equals

        longest - 2 / decay + step - 2 / decay * (a / (exp(a) - 1) - 1 + a / 2)

    and the last bracket is a short power series for small `a`.
    """
    a = step * decay
    square = a * a
    series = square / 12 * (1 - square / 60 * (1 - square / 42))
    bracket = ops.where(a < 1, series, a / ops.expm1(a) - 1 + a / 2)
    return (longest - 2 / decay) + step - 2 / decay * bracket
