"""Observing the calls of a model's leaf layers in a real forward pass."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from keras_ddl.graph.leaves import leaf_layers, operations
from keras_ddl.graph.shadow import Shadow, Watch


@contextlib.contextmanager
def watch(model, hook, with_operations: bool = False) -> Iterator[None]:
    """Call a hook at every call of a leaf layer, in execution order.

    ```python
    def show(call):
        print(call.layer.name, call.outputs.shape)

    with watch(model, show):
        model(x)  # call the model eagerly: `predict` and `fit` run a compiled function
    ```

    If the hook returns anything but None, the returned value replaces the layer's outputs. The hook
    is called at every call of a shared layer. Only calls by the thread that entered the block are
    observed, so other threads may use the model at the same time. The model is restored when the
    block ends, even after an exception. Watches may be nested.

    Args:
        model: a `keras.Model` or any layer. It must be built, because `build` may create sublayers.
        hook: a function `(Call) -> outputs or None`.
        with_operations: whether to observe also the operations of functional models that are not
            layers, such as `keras.ops.relu` of a symbolic tensor. Default False.
    """
    entry = Watch(threading.get_ident(), Counter(), hook)
    leaves = leaf_layers(model) + (operations(model) if with_operations else [])
    try:
        for layer in leaves:
            Shadow.begin(layer, entry)
        yield
    finally:
        for layer in leaves:
            Shadow.end(layer, entry)
