"""`python -m benchmarks`: lists what can be run, one line each."""

from benchmarks.catalogue import entries


def main() -> None:
    found = entries()
    width = max(len(entry.name) for entry in found)
    for entry in found:
        print(f"{entry.name:{width}}  {entry.summary}")
    print("\nRun one with: python -m benchmarks.NAME, and see its flags with --help.")


if __name__ == "__main__":
    main()
