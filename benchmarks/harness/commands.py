"""Shared by the commands that are not experiments: a parser, and errors as one line."""

import argparse
import sys
from collections.abc import Callable

from benchmarks.harness.data import DataError
from benchmarks.harness.training.backend import BackendError, what_to_install

BAD_USAGE = 2


def parser(command: str, about: str | None) -> argparse.ArgumentParser:
    """A parser without flags.

    Args:
        command: what follows `python -m benchmarks.`, such as "costs.overhead".
        about: the module's docstring; `--help` prints it unchanged.
    """
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{command}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(main: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    If data, a backend or a package is missing, one line says what is missing and how to install it.
    """
    try:
        return main()
    except (DataError, BackendError) as error:
        print(f"error: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"error: {what_to_install(error)}", file=sys.stderr)
    return BAD_USAGE
