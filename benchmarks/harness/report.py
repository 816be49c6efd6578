"""Records of one experiment as text and figures. Needs no Keras."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness import tables
from benchmarks.harness.claims import Verdict
from benchmarks.harness.spec import Experiment, Record
from benchmarks.harness.views import View, groups

SUMMARY = "summary.md"


@dataclass(frozen=True)
class Section:
    """What one table and one figure show: a view of a run, cut by the view's `split_by`."""

    view: View
    records: Sequence[Record]
    title: str
    setting: str
    stem: str
    hardware: str


@dataclass(frozen=True)
class Report:
    """The results of one run: one profile, data set and base seed."""

    experiment: Experiment
    records: Sequence[Record]
    sections: Sequence[Section] = field(default_factory=tuple)
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def text(self, fmt: str = "simple") -> str:
        """Tables and verdicts; `fmt` is tabulate's, "pipe" giving Markdown with figures."""
        parts = []
        for section in self.sections:
            parts += [section.title, section.setting]
            parts.append(tables.result_table(section.view, section.records, fmt))
            if reference := section.view.reference(section.records[0].trial.params):
                parts.append(
                    f"Paper: {reference.label}: {reference.protocol}; {reference.provenance}."
                )
            parts.append(f"Run on {section.hardware}.")
            if fmt == "pipe":
                parts.append(f"![{section.title}]({section.stem}.png)")
        if self.verdicts:
            parts.append(tables.verdict_table(self.experiment.claims, self.verdicts, fmt))
        return "\n\n".join(parts)

    def draw(self, folder: Path) -> list[Path]:
        """Write every section's figure, as PNG and SVG."""
        from benchmarks.harness.plots import draw  # matplotlib

        folder.mkdir(parents=True, exist_ok=True)
        return [
            path
            for section in self.sections
            for path in draw(section.view, section.records, section.title, folder / section.stem)
        ]


def make(experiment: Experiment, records: Sequence[Record]) -> Report:
    """The report of records of one profile, data set and seed."""
    done = [record for record in records if record.done]
    sections = [
        _section(experiment, view, dict(zip(view.split_by, values, strict=True)), part)
        for view in experiment.views
        for values, part in groups(done, view.split_by).items()
    ]
    verdicts = {claim.id: claim.judge(done) for claim in experiment.claims} if done else {}
    return Report(experiment, done, sections, verdicts)


def by_run(records: Sequence[Record]) -> list[list[Record]]:
    """Records apart by what must not be mixed in one table: profile, data set and base seed."""
    runs: dict[tuple, list[Record]] = {}
    for record in records:
        trial = record.trial
        runs.setdefault((trial.dataset, trial.profile, trial.seed), []).append(record)
    return [runs[run] for run in sorted(runs)]


def _section(
    experiment: Experiment, view: View, cut: dict[str, str], records: list[Record]
) -> Section:
    trial = records[0].trial
    cuts = ", ".join(f"{name} {value}" for name, value in cut.items())
    title = f"{experiment.name} ({', '.join(filter(None, (cuts, f'{trial.profile} profile')))})"
    dataset = "".join(c if c.isalnum() else "-" for c in trial.dataset.split(" (")[0].lower())
    stem = "-".join(
        [experiment.name, *map(str, cut.values()), dataset, trial.profile]
        + ([f"seed{trial.seed}"] if trial.seed else [])
    )
    return Section(
        view=view,
        records=records,
        title=f"{title} on {trial.dataset}",
        setting=tables.scaled_down(trial.params, experiment.profiles["paper"].settings),
        stem=stem,
        hardware=_hardware(records),
    )


def _hardware(records: Sequence[Record]) -> str:
    def one(record: Record) -> str:
        environment = record.environment
        versions = environment.get("packages", {})
        backend = environment.get("backend", "?")
        return (
            f"{environment.get('device', '?')} ({environment.get('cores', '?')} cores), "
            f"Keras {versions.get('keras', '?')} on {backend} {versions.get(backend, '?')}"
        )

    return "; ".join(sorted({one(record) for record in records}))
