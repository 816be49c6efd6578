"""`python -m benchmarks`: what can be run, a line each."""

from benchmarks.catalogue import experiments


def main() -> None:
    found = experiments()
    width = max(len(experiment.name) for experiment in found)
    for experiment in found:
        print(f"{experiment.name:{width}}  {experiment.summary}")
    print("\nRun one with: python -m benchmarks.NAME, and see its flags with --help.")


if __name__ == "__main__":
    main()
