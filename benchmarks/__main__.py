"""`python -m benchmarks` lists all commands, one line each."""

import argparse
import difflib
import sys
from collections.abc import Sequence

from benchmarks import catalogue, status


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Lists all commands. Run one with: python -m benchmarks.NAME",
    )
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["status"]:
        return status.main(argv[1:])
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    name = parser.parse_known_args(argv)[0].name
    entries = catalogue.entries()
    names = [entry.name for entry in entries]
    if name in names:
        parser.error(f"write the command with a dot: python -m benchmarks.{name}")
    if name is not None:
        near = difflib.get_close_matches(name, names, n=1)
        suggestion = f" Did you mean python -m benchmarks.{near[0]}?" if near else ""
        parser.error(f"there is no command {name!r}.{suggestion} python -m benchmarks lists them")
    parser.parse_args(argv)
    width = max(map(len, names))
    for entry in entries:
        print(f"{entry.name:{width}}  {entry.summary}")
    print("\nRun one with: python -m benchmarks.NAME. --help explains its flags.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
