"""`python -m benchmarks`: what can be run, a line each."""

from benchmarks.catalogue import experiments, measurements


def main() -> None:
    found = {experiment.name: experiment.summary for experiment in experiments()}
    found |= measurements()
    width = max(map(len, found))
    for name, summary in found.items():
        print(f"{name:{width}}  {summary}")
    print("\nRun one with: python -m benchmarks.NAME, and see its flags with --help.")


if __name__ == "__main__":
    main()
