"""Three floors, arrows only downward, no circles: found by reading every import."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"keras_ddl": "keras_ddl", "keras_ddl.callbacks": "callbacks", "benchmarks": "benchmarks"}
# A module belongs to the longest prefix of its name; its imports may not go to a higher floor.
FLOORS = {
    "keras_ddl": 0,
    "keras_ddl.callbacks": 1,
    "benchmarks.harness": 2,
    "benchmarks.networks": 3,
    "benchmarks": 4,
}
BACKENDS = {"tensorflow", "jax", "torch"}
# Keras has no public switch for tf.data's autotuner, no fused update, no native group norm, no
# random bits, and no common way to compile, to keep random states, to sum over replicas and to run
# without gradients.
# The executors of a population compile loops over steps, and place them on cores and devices.
EXEMPT = {
    ("keras_ddl/_backend.py", "jax"),
    ("keras_ddl/_backend.py", "tensorflow"),
    ("keras_ddl/_backend.py", "torch"),
    ("keras_ddl/feed.py", "tensorflow"),
    ("keras_ddl/layers/_masks.py", "tensorflow"),
    ("keras_ddl/layers/normalization/native.py", "torch"),
    ("keras_ddl/optimizers/fused_adam.py", "tensorflow"),
    ("keras_ddl/optimizers/fused_sgd.py", "tensorflow"),
    ("keras_ddl/optimizers/sharpness_aware.py", "jax"),
    ("keras_ddl/population/checkpoint.py", "torch"),
    ("keras_ddl/population/compiling.py", "tensorflow"),
    ("keras_ddl/population/cores.py", "jax"),
    ("keras_ddl/population/cores.py", "tensorflow"),
    ("keras_ddl/population/executors/choice.py", "jax"),
    ("keras_ddl/population/executors/choice.py", "tensorflow"),
    ("keras_ddl/population/executors/eager.py", "torch"),
    ("keras_ddl/population/executors/graph.py", "tensorflow"),
    ("keras_ddl/population/executors/graph_map.py", "tensorflow"),
    ("keras_ddl/population/executors/products.py", "tensorflow"),
    ("keras_ddl/population/executors/scan.py", "jax"),
    ("keras_ddl/population/executors/scan_map.py", "jax"),
    ("keras_ddl/population/proof.py", "jax"),
    ("keras_ddl/population/proof.py", "tensorflow"),
}

Graph = dict[str, set[str]]


def read(root: Path) -> dict[str, tuple[Path, set[str]]]:
    """By module, its file and every name that it imports; imports inside functions count too."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            found[name] = (path, set(imported(ast.parse(path.read_text()), name, path)))
    return found


def imported(tree: ast.AST, module: str, path: Path):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def arrows(modules: dict[str, tuple[Path, set[str]]]) -> Graph:
    """By module, the modules of the project that it imports.

    `from package import module` is an arrow to the module and not to the package.
    """
    graph = {}
    for name, (_, used) in modules.items():
        known = {other for other in used if other in modules}
        parents = {other.rpartition(".")[0] for other in known}
        graph[name] = (known - parents) | {p for p in known & parents if _takes(used, p, modules)}
        graph[name] -= {name}
    return graph


def _takes(used: set[str], package: str, modules) -> bool:
    """Whether something is imported from a package itself, besides its modules."""
    names = {other for other in used if other.rpartition(".")[0] == package}
    return not names or any(other not in modules for other in names)


def circles(graph: Graph) -> list[str]:
    """Every circle that a walk along the arrows meets, as `a -> b -> a`."""
    found, done = [], set()

    def walk(module: str, way: list[str]) -> None:
        if module in way:
            found.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for other in sorted(graph.get(module, ())):
                walk(other, [*way, module])
            done.add(module)

    for module in sorted(graph):
        walk(module, [])
    return found


def floor(module: str) -> int:
    parts = module.split(".")
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next(FLOORS[prefix] for prefix in prefixes if prefix in FLOORS)


def upward(graph: Graph) -> list[str]:
    return [
        f"{module} -> {other}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if floor(other) > floor(module)
    ]


MODULES = read(ROOT)


def test_there_are_no_circles():
    assert circles(arrows(MODULES)) == []


def test_no_arrow_goes_upward():
    assert upward(arrows(MODULES)) == []


@pytest.fixture
def planted(tmp_path):
    """Makes a project of the given files and gives its arrows."""

    def planted(files: dict[str, str]) -> Graph:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return arrows(read(tmp_path))

    return planted


def test_a_planted_circle_is_found_even_if_an_import_is_late_or_relative(planted):
    graph = planted(
        {
            "keras_ddl/__init__.py": "",
            "keras_ddl/a.py": "from keras_ddl import b",
            "keras_ddl/b.py": "def late():\n    import keras_ddl.c",
            "keras_ddl/c.py": "from .a import name",
            "keras_ddl/d.py": "from keras_ddl.a import name",
        }
    )
    assert circles(graph) == ["keras_ddl.a -> keras_ddl.b -> keras_ddl.c -> keras_ddl.a"]


def test_a_planted_arrow_upward_is_found(planted):
    graph = planted(
        {
            "keras_ddl/a.py": "from keras_ddl.callbacks import Watch",
            "callbacks/__init__.py": "from keras_ddl.a import name",
            "benchmarks/harness/store.py": "from benchmarks.entry import EXPERIMENT",
            "benchmarks/entry.py": "from keras_ddl.a import name",
        }
    )
    assert upward(graph) == [
        "benchmarks.harness.store -> benchmarks.entry",
        "keras_ddl.a -> keras_ddl.callbacks",
    ]


@pytest.mark.parametrize("folder", ["keras_ddl", "callbacks"])
@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_a_floor_of_the_library_imports_no_backend(folder, backend):
    found = [
        path
        for path, used in MODULES.values()
        if path.is_relative_to(ROOT / folder)
        and (path.relative_to(ROOT).as_posix(), backend) not in EXEMPT
        and any(name.split(".")[0] == backend for name in used)
    ]
    assert found == []


def test_in_the_harness_only_what_trains_imports_keras():
    found = {
        name.split(".")[2]
        for name, (_, used) in MODULES.items()
        if name.startswith("benchmarks.harness.")
        and any(other.split(".")[0] == "keras" for other in used)
    }
    assert found == {"training"}
