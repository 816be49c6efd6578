"""Fixtures that all tests share."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Most of the time of the tests is compiling by XLA, on TensorFlow and JAX. The models are tiny, so
# optimizing what is compiled does not pay. Processes that tests start inherit the flags.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> None:
    """Excludes what is alive from later garbage collections.

    Imports create millions of objects and TensorFlow keeps about a thousand for every model that
    is trained. Each collection would visit all of them.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real MNIST and CIFAR-10 beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real data: ../shared/data does not exist beside the project")
    return folder


@pytest.fixture(scope="session")
def picture_size() -> Callable[[Path], tuple[int, int]]:
    """Opens a PNG or SVG, checks that something is drawn in it, and gives its size in pixels."""

    def png(path: Path) -> tuple[int, int]:
        from PIL import Image

        with Image.open(path) as image:
            assert image.format == "PNG"
            colours = image.convert("RGB").getcolors(maxcolors=2**24)
            background = max(count for count, _ in colours)
            drawn = 1 - background / (image.width * image.height)
            assert len(colours) > 2, f"{path.name} is blank"
            assert drawn > 0.005, f"{path.name} is {1 - drawn:.2%} background"
            return image.size

    def svg(path: Path) -> tuple[int, int]:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        paths = [e.get("d", "") for e in root.iter("{http://www.w3.org/2000/svg}path")]
        assert len(set(paths)) > 5, f"{path.name} is blank"
        width, height = (root.get(side, "0").removesuffix("pt") for side in ("width", "height"))
        return round(float(width)), round(float(height))

    return lambda path: (png if path.suffix == ".png" else svg)(path)
