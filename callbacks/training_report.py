"""The whole run on one page."""

import math
import os
from numbers import Real
from pathlib import Path

import keras

from keras_ddl.callbacks._charts import charts
from keras_ddl.callbacks._drawings import drawing, picture
from keras_ddl.callbacks._notes import Monitor
from keras_ddl.callbacks._optional import optional
from keras_ddl.callbacks.learning_rate_schedule import current_rate


class TrainingReport(keras.callbacks.Callback):
    """Write one self-contained HTML page about the run, anew after every epoch, and a PNG.

    The page shows whatever is in the logs: loss and metrics, learning rate, dead units, gradient
    and activation statistics by layer and epoch, and the warnings of the monitors given. It loads
    nothing from the network, reads well in light and in dark, and a killed run still has the page
    of its last epoch. The PNG is written when training ends.

    ```python
    dead, gradients = DeadReLUCounter(), GradientStats()
    report = TrainingReport("run.html", monitors=[dead, gradients])
    model.fit(x, y, callbacks=[dead, gradients, report])  # after those whose logs it shows
    ```

    Args:
        path: of the page; its folder is made. Should end in ".html".
        monitors: callbacks of this package whose warnings are shown.
        png: whether to write a PNG beside it, with the same name. Default True.
        title: of the page. Default: the model's name.

    Attributes:
        epochs: list of one dictionary per epoch, what is drawn.

    Raises:
        ValueError: if a monitor has no messages to show.
        ImportError: if jinja2, or matplotlib for the PNG, is not installed.
    """

    def __init__(self, path, monitors=(), png=True, title=None):
        super().__init__()
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
        self.monitors = list(monitors)
        self.png = png
        self.title = title
        self.epochs: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        self.epochs = []
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        entries = {name: float(v) for name, v in (logs or {}).items() if isinstance(v, Real)}
        entries.setdefault("learning_rate", current_rate(self.model))
        self.epochs.append(entries)
        planned = self.params.get("epochs")
        self._write(f"running: epoch {epoch + 1} of {planned}")

    def on_train_end(self, logs=None):
        planned = self.params.get("epochs")
        done = len(self.epochs)
        stopped = f", stopped before the {planned} planned" if planned and done < planned else ""
        self._write(f"ended after {done} epoch{'' if done == 1 else 's'}{stopped}")
        if self.png and self.epochs:
            picture(charts(self.epochs), done, self._title, self.path.with_suffix(".png"))

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
            warnings=sorted(message for monitor in self.monitors for message in monitor.messages),
            drawings=[drawing(chart, len(self.epochs)) for chart in charts(self.epochs)],
        )
        # Written beside and moved: whoever looks, or kills the run, finds a whole page.
        beside = self.path.with_name(self.path.name + ".part")
        beside.write_text(page, encoding="utf-8")
        os.replace(beside, self.path)
