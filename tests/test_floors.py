"""Three floors, arrows downward only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BACKENDS = {"tensorflow", "jax", "torch"}
FORBIDDEN = {
    "keras_ddl": {"benchmarks", "callbacks", "keras_ddl.callbacks", *BACKENDS},
    "callbacks": {"benchmarks", *BACKENDS - {"torch"}},  # its data loaders need a guard
    "benchmarks/harness": {"benchmarks.mnist_dropout", "benchmarks.networks", "benchmarks.report"},
}
# Keras has no public switch for tf.data's autotuner, no fused update, no native group norm.
EXEMPT = {
    ("keras_ddl/feed.py", "tensorflow"),
    ("keras_ddl/optimizers/fused_sgd.py", "tensorflow"),
    ("keras_ddl/layers/normalization/native.py", "torch"),
    ("keras_ddl/_forward.py", "torch"),  # nor of a backend's random state
}


def imports(path):
    """All modules that a file imports, late imports too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("folder", "name"),
    [(folder, name) for folder in FORBIDDEN for name in sorted(FORBIDDEN[folder])],
)
def test_a_floor_does_not_import(folder, name):
    found = [
        path
        for path in (ROOT / folder).rglob("*.py")
        if (path.relative_to(ROOT).as_posix(), name) not in EXEMPT
        and any(used == name or used.startswith(f"{name}.") for used in imports(path))
    ]
    assert found == []


def test_in_the_harness_only_what_trains_imports_keras():
    found = [
        path.name
        for path in (ROOT / "benchmarks" / "harness").rglob("*.py")
        if any(used.split(".")[0] == "keras" for used in imports(path))
    ]
    assert sorted(found) == ["devices.py", "train.py", "watch.py"]
