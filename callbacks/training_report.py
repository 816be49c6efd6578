"""A report of a training run on one HTML page."""

import html
import itertools
import math
import os
import re
from numbers import Real
from pathlib import Path

import keras

from keras_ddl.callbacks._charts import charts
from keras_ddl.callbacks._drawings import drawing
from keras_ddl.callbacks._monitor import Monitor
from keras_ddl.callbacks._optional import optional
from keras_ddl.callbacks._picture import picture
from keras_ddl.callbacks.learning_rate_schedule import current_rate


class TrainingReport(keras.callbacks.Callback):
    """Writes a self-contained HTML page about the run after every epoch, and a PNG at the end.

    The page shows everything in the logs: loss and metrics, learning rate, dead units, gradient and
    activation statistics by layer and epoch. It also shows the warnings of `monitors`. The page
    loads nothing from the network and adapts to light and dark mode. After a killed run, the page
    of the last epoch remains. The PNG is written when training ends. For long runs, lines are
    limited to 300 points and heat maps to 60 columns. A `fit` with `initial_epoch` continues the
    page of the `fit` before; any other `fit` starts a new page.

    ```python
    dead, gradients = DeadReLUCounter(), GradientStats()
    report = TrainingReport("run.html", monitors=[dead, gradients])
    model.fit(x, y, callbacks=[dead, gradients, report])  # the report comes last
    ```

    Args:
        path: the path of the page, such as "runs/first.html". Its folder is created.
        monitors: callbacks of this package whose warnings are shown.
        png: whether to write also a PNG with the same name. Default True.
        title: the title of the page. Default: "Training of" and the model's name.
        others: optional dictionary from names to earlier runs, whose loss, metrics and other lines
            are drawn beside this one's by epoch: `TrainingReport`s, or lists of logs by epoch.

    In a notebook, a report that is the last value of a cell shows its page.

    Attributes:
        epochs: list with one dictionary of logs per epoch, the data of the page.

    Raises:
        ValueError: if `path` is a folder or ends in ".png", or a monitor is not a callback of this
            package that issues warnings.
        ImportError: if jinja2, or matplotlib for the PNG, is not installed.
    """

    def __init__(self, path, monitors=(), png=True, title=None, *, others=None) -> None:
        super().__init__()
        monitors = [monitors] if isinstance(monitors, keras.callbacks.Callback) else monitors
        for monitor in monitors:
            if not isinstance(monitor, Monitor):
                raise ValueError(
                    "TrainingReport: `monitors` must be callbacks that warn, such as GradientStats "
                    f"or DeadReLUCounter. Received: {monitor!r}"
                )
        template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
        jinja2 = optional("jinja2", "TrainingReport")
        self._template = jinja2.Environment(autoescape=True).from_string(template)
        if png:
            optional("matplotlib", "TrainingReport with `png=True`")
        self.path = Path(path)
        folder = self.path.is_dir() or str(path).endswith(("/", os.sep))
        if folder or self.path.suffix == ".png":
            raise ValueError(
                'TrainingReport: `path` must name the HTML file, such as "runs/first.html". '
                f"Received: path={str(path)!r}" + (", a folder" if folder else "")
            )
        self.monitors = list(monitors)
        self.png = png
        self.title = title
        self.epochs: list[dict[str, float]] = []

        self.others = dict(others or {})
        self._page = ""
        self._numbers: list[int] = []
        self._names: dict[str, None] = {}

    def set_model(self, model) -> None:
        super().set_model(model)
        # Keras calls this before any monitor starts, so all later messages belong to this `fit`.
        self._earlier = [len(monitor.messages) for monitor in self.monitors]
        self._begun = False

    def on_train_begin(self, logs=None) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        if not self._begun:
            self._begin(epoch)

    def on_epoch_end(self, epoch, logs=None) -> None:
        if not self._begun:
            self._begin(epoch)
        entries = {name: float(v) for name, v in (logs or {}).items() if isinstance(v, Real)}
        entries.setdefault("learning_rate", current_rate(self.model))
        self.epochs.append(entries)
        self._numbers.append(epoch + 1)
        self._names |= dict.fromkeys(entries)
        self._write(f"running: epoch {epoch + 1} of {self.params.get('epochs')}")

    def on_train_end(self, logs=None) -> None:
        planned, done = self.params.get("epochs"), len(self.epochs)
        last = self._numbers[-1] if self._numbers else 0
        stopped = f", stopped before the {planned} planned" if planned and last < planned else ""
        self._write(f"ended after {done} epoch{'' if done == 1 else 's'}{stopped}")
        if self.png and self.epochs:
            picture(self._charts(), self._title, self.path.with_suffix(".png"))

    def _begin(self, epoch):
        """Drop the epochs of an earlier `fit`, except those that this `fit` continues."""
        self._begun = True
        kept = sum(number <= epoch for number in self._numbers)
        if kept:
            self._earlier = [0] * len(self.monitors)
        elif self._numbers:
            self._names = {}
        if self._numbers:
            self.epochs, self._numbers = self.epochs[:kept], self._numbers[:kept]

    def _charts(self):
        if len(self._numbers) != len(self.epochs):  # the user changed `epochs`
            first = max(self._numbers[-1] - len(self.epochs) + 1, 1) if self._numbers else 1
            self._numbers = [*range(first, first + len(self.epochs))]
            self._names = dict.fromkeys(itertools.chain.from_iterable(self.epochs))
        marks = [
            (layer, epoch + 1, monitor.warns_of)
            for monitor, earlier in zip(self.monitors, self._earlier, strict=True)
            for epoch, text in monitor.messages[earlier:]
            for layer in re.findall(r"'([^']+)'", text)
        ]
        others = {
            name: run.epochs if isinstance(run, TrainingReport) else list(run)
            for name, run in self.others.items()
        }
        return charts(self.epochs, self._numbers, self._names, marks, others)

    def _warnings(self):
        return sorted(
            message
            for monitor, earlier in zip(self.monitors, self._earlier, strict=True)
            for message in monitor.messages[earlier:]
        )

    def _repr_html_(self) -> str:
        """The page in a frame, for notebooks."""
        return (
            f'<iframe srcdoc="{html.escape(self._page)}" width="100%" height="900" '
            'style="border: 0"></iframe>'
        )

    @property
    def _title(self):
        return self.title or f"Training of {self.model.name}"

    def _write(self, status):
        last = self.epochs[-1] if self.epochs else {}
        if "loss" in last:
            status += f"; loss {last['loss']:.4g}" if math.isfinite(last["loss"]) else "; loss lost"
        weights = f"; {self.model.count_params():,} parameters"
        page = self._template.render(
            title=self._title,
            status=status + weights,
            warnings=self._warnings(),
            drawings=[drawing(chart) for chart in self._charts()],
        )
        self._page = page
        # Write a temporary file and move it, so that the page is complete at any time.
        temporary = self.path.with_name(self.path.name + ".part")
        temporary.write_text(page, encoding="utf-8")
        os.replace(temporary, self.path)
