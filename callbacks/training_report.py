"""The whole run on one page."""

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
    """Write one self-contained HTML page about the run, anew after every epoch, and a PNG.

    The page shows whatever is in the logs: loss and metrics, learning rate, dead units, gradient
    and activation statistics by layer and epoch, and the warnings of the monitors given. It loads
    nothing from the network, reads well in light and in dark, and a killed run still has the page
    of its last epoch. The PNG is written when training ends. Of long runs at most 300 points of a
    line and 60 columns of a heat map are drawn. A `fit` with `initial_epoch` goes on with the page
    of the one before; any other begins a new one.

    ```python
    dead, gradients = DeadReLUCounter(), GradientStats()
    report = TrainingReport("run.html", monitors=[dead, gradients])
    model.fit(x, y, callbacks=[dead, gradients, report])  # after those whose logs it shows
    ```

    Args:
        path: of the page, such as "runs/first.html"; its folder is made.
        monitors: callbacks of this package whose warnings are shown.
        png: whether to write a PNG beside it, with the same name. Default True.
        title: of the page. Default: the model's name.

    Attributes:
        epochs: list of one dictionary per epoch, what is drawn.

    Raises:
        ValueError: if `path` is a folder or ends in ".png", or a monitor has no messages to show.
        ImportError: if jinja2, or matplotlib for the PNG, is not installed.
    """

    def __init__(self, path, monitors=(), png=True, title=None) -> None:
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
                'TrainingReport: `path` must name the page, such as "runs/first.html". '
                f"Received: path={str(path)!r}" + (", a folder" if folder else "")
            )
        self.monitors = list(monitors)
        self.png = png
        self.title = title
        self.epochs: list[dict[str, float]] = []

        self._numbers: list[int] = []
        self._names: dict[str, None] = {}

    def set_model(self, model) -> None:
        super().set_model(model)
        # Called before any monitor begins: later messages belong to this `fit`.
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
        """Drop what an earlier `fit` left, unless this one goes on after it."""
        self._begun = True
        kept = sum(number <= epoch for number in self._numbers)
        if kept:
            self._earlier = [0] * len(self.monitors)
        elif self._numbers:
            self._names = {}
        if self._numbers:
            self.epochs, self._numbers = self.epochs[:kept], self._numbers[:kept]

    def _charts(self):
        if len(self._numbers) != len(self.epochs):  # somebody else has filled `epochs`
            first = max(self._numbers[-1] - len(self.epochs) + 1, 1) if self._numbers else 1
            self._numbers = [*range(first, first + len(self.epochs))]
            self._names = dict.fromkeys(itertools.chain.from_iterable(self.epochs))
        texts = " ".join(text for _, text in self._warnings())
        warned = set(re.findall(r"'([^']+)'", texts))
        return charts(self.epochs, self._numbers, self._names, warned)

    def _warnings(self):
        return sorted(
            message
            for monitor, earlier in zip(self.monitors, self._earlier, strict=True)
            for message in monitor.messages[earlier:]
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
        # Written beside and moved: whoever looks, or kills the run, finds a whole page.
        beside = self.path.with_name(self.path.name + ".part")
        beside.write_text(page, encoding="utf-8")
        os.replace(beside, self.path)
