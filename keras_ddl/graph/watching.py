"""Watching the calls of a model's leaf layers as they happen."""

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
        model(x)  # eager: not `predict` or `fit`, which run a compiled function
    ```

    What the hook returns, unless None, takes the place of the layer's outputs. Shared layers are
    met at each call. Only calls by the thread that entered are seen, so a model that is used by
    others at the same time does not disturb the watch, nor the watch them. When the block ends,
    by an exception too, nothing is left in the model; watches may be nested.

    Args:
        model: a `keras.Model` or any layer, built: layers that `build` makes must be there.
        hook: `(Call) -> outputs or None`.
        with_operations: whether the operations of functional models that are not layers, such as
            `keras.ops.relu` of a symbolic tensor, are watched too. Default False.
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
