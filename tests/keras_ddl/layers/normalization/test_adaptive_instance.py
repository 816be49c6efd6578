"""AdaptiveInstanceNormalization: the statistics of the output are those of the style."""

import numpy as np
import pytest
from keras import ops

from keras_ddl.layers import AdaptiveInstanceNormalization

RNG = np.random.default_rng(0)
CONTENT = RNG.normal(3, 2, (2, 6, 5, 4)).astype("float32")
STYLE = RNG.gamma(2, 3, (2, 4, 3, 4)).astype("float32")


@pytest.mark.parametrize("first", [False, True])
def test_the_output_has_the_statistics_of_the_style_and_the_pattern_of_the_content(first):
    layer = AdaptiveInstanceNormalization(axis=1 if first else -1)
    inputs = [np.moveaxis(one, -1, 1) if first else one for one in (CONTENT, STYLE)]
    out = ops.convert_to_numpy(layer(inputs))
    out = np.moveaxis(out, 1, -1) if first else out
    np.testing.assert_allclose(out.mean((1, 2)), STYLE.mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(out.std((1, 2)), STYLE.std((1, 2)), rtol=1e-4)
    for example in range(2):
        for channel in range(4):
            one = (example, ..., channel)
            assert np.corrcoef(out[one].ravel(), CONTENT[one].ravel())[0, 1] > 0.9999


def test_errors():
    with pytest.raises(ValueError, match=r"list \[content, style\].*Received"):
        AdaptiveInstanceNormalization()(CONTENT)
    with pytest.raises(ValueError, match=r"same channels.*Received"):
        AdaptiveInstanceNormalization()([CONTENT, STYLE[..., :2]])
