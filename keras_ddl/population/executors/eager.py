"""PyTorch: runs the members one after another in each step, without a compiled loop."""

from keras import ops

from keras_ddl.population.executors.base import Executor, stacked_outputs


class Eager(Executor):
    """Runs every step of every member separately, as Keras does with `run_eagerly`."""

    def _run(self, kind, call):
        logs: list[dict[str, float]] = [{} for _ in self.models]
        for rows in call.indices:
            for place, model in enumerate(self.models):
                step = model.train_step if kind == "train" else model.test_step
                found = self._step(model, step, kind, self._batch(call.examples, rows, place))
                logs[place] = {name: float(ops.convert_to_numpy(v)) for name, v in found.items()}
        return logs

    def predict(self, call):
        outputs = []
        for place, model in enumerate(self.models):
            parts = [self._predicted(model, call.examples, rows, place) for rows in call.indices]
            outputs.append(stacked_outputs(parts))
        return outputs

    def _step(self, model, step, kind, batch):
        import torch

        model.train(kind == "train")
        if kind == "train":
            return step(batch)
        with torch.no_grad():
            return step(batch)

    def _predicted(self, model, examples, rows, place):
        import keras
        import torch

        model.eval()
        with torch.no_grad():
            outputs = model.predict_step(self._batch(examples, rows, place))
        return keras.tree.map_structure(ops.convert_to_numpy, outputs)

    def _batch(self, examples, rows, place):
        leaves = examples.on("default", ops.convert_to_tensor)
        rows = ops.convert_to_tensor(rows if rows.ndim == 1 else rows[:, place])
        taken = [leaf[rows] for leaf in leaves]
        return examples.pack([leaf[:, place] for leaf in taken] if examples.own else taken)
