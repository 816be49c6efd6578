"""The differences between two nested structures of arguments."""

import math

import keras
import numpy as np
from keras import ops

# Arguments that affect only the initial weights, or nothing. They may differ.
_FREE = ("name", "seed", "build_config", "compile_config", "shared_object_id")
# Parts of a model's configuration that repeat its layers, which are compared one by one.
_GRAPH = ("layers", "input_layers", "output_layers")


def differences(mine, others, path=()):
    """Yield `(path, mine, others)` for every leaf that differs and must not.

    A list equals a tuple of the same elements, and NaN equals NaN. Arrays and numbers are compared
    by value, functions by their code, defaults and closures, objects by their configuration.

    Args:
        mine, others: nested dicts, lists and tuples of anything.
        path: of keys and positions, from the outside in.
    """
    if isinstance(mine, dict) and isinstance(others, dict):
        for key in dict.fromkeys([*mine, *others]):
            pair = mine.get(key), others.get(key)
            if not _is_free(key, pair):
                yield from differences(*pair, (*path, key))
    elif _is_sequence(mine) and _is_sequence(others) and len(mine) == len(others):
        for position, pair in enumerate(zip(mine, others, strict=True)):
            yield from differences(*pair, (*path, position))
    elif not _are_alike(mine, others):
        yield path, mine, others


def _is_free(key, pair):
    if isinstance(key, str) and (key in _FREE or key.endswith("_initializer")):
        return True
    return key in _GRAPH and all(map(_is_sequence, pair))


def _are_alike(mine, others):
    if mine is others:
        return True
    if _is_array(mine) or _is_array(others):
        try:
            return _same_arrays(_array(mine), _array(others))
        except (TypeError, ValueError):
            return False
    if type(mine).__eq__ is object.__eq__:  # which compares identity
        parts = _inside(mine), _inside(others)
        return type(mine) is type(others) and not any(differences(*parts))
    if isinstance(mine, float) and isinstance(others, float) and math.isnan(mine):
        return math.isnan(others)
    return bool(mine == others)


def _inside(value):
    """The parts of a function or an object that can be compared."""
    code = getattr(value, "__code__", None)
    if code is not None:
        enclosed = [cell.cell_contents for cell in value.__closure__ or ()]
        enclosed = [getattr(one, "__qualname__", one) for one in enclosed]  # a recursive one
        return [code.co_code, code.co_consts, code.co_names, value.__defaults__, enclosed]
    try:
        return value.get_config()
    except (AttributeError, NotImplementedError, TypeError):
        return getattr(value, "__qualname__", None)


def _same_arrays(one, other):
    floating = all(np.issubdtype(side.dtype, np.inexact) for side in (one, other))
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=floating)


def _array(value):
    of_backend = isinstance(value, keras.Variable) or ops.is_tensor(value)
    return ops.convert_to_numpy(value) if of_backend else np.asarray(value)


def _is_array(value):
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _is_sequence(value):
    return isinstance(value, list | tuple)
