"""Event files for TensorBoard, written without TensorFlow."""

import io
import time

import numpy as np

from keras_ddl.callbacks._optional import optional

BINS = 30


class TensorBoardRun:
    """A folder of event files, written by the `tensorboard` package."""

    def __init__(self, folder, project, name, config) -> None:
        package = "tensorboard.summary.writer.event_file_writer"
        writer = optional(package, "RunTracker")
        self._proto = optional("tensorboard.compat.proto.summary_pb2", "RunTracker")
        self._event = optional("tensorboard.compat.proto.event_pb2", "RunTracker").Event
        self._writer = writer.EventFileWriter(f"{folder}/{project}/{name}")
        for key, value in config.items():
            self._text(f"config/{key}", str(value))

    def log(self, values, step) -> None:
        value = self._proto.Summary.Value
        self._add([value(tag=name, simple_value=one) for name, one in values.items()], step)

    def histogram(self, name, values, step) -> None:
        values = np.asarray(values, "float64").ravel()
        values = values[np.isfinite(values)]
        if not len(values):
            return
        counts, edges = np.histogram(values, bins=BINS)
        histogram = self._proto.HistogramProto(
            min=values.min(),
            max=values.max(),
            num=len(values),
            sum=values.sum(),
            sum_squares=np.square(values).sum(),
            bucket_limit=edges[1:].tolist(),
            bucket=counts.tolist(),
        )
        self._add([self._proto.Summary.Value(tag=name, histo=histogram)], step)

    def figure(self, name, figure, step) -> None:
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        width, height = (figure.get_size_inches() * figure.dpi).astype(int).tolist()
        image = self._proto.Summary.Image(
            height=height, width=width, colorspace=4, encoded_image_string=picture.getvalue()
        )
        self._add([self._proto.Summary.Value(tag=name, image=image)], step)

    def close(self) -> None:
        self._writer.close()

    def _text(self, tag, text):
        """A text, as TensorBoard's plugin for texts reads it."""
        tensors = optional("tensorboard.compat.proto.tensor_pb2", "RunTracker")
        types = optional("tensorboard.compat.proto.types_pb2", "RunTracker")
        metadata = self._proto.SummaryMetadata(
            plugin_data=self._proto.SummaryMetadata.PluginData(plugin_name="text"),
        )
        tensor = tensors.TensorProto(dtype=types.DT_STRING, string_val=[text.encode()])
        value = self._proto.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
        self._add([value], 0)

    def _add(self, values, step):
        summary = self._proto.Summary(value=values)
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))
