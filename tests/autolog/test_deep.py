"""Keras and Lightning, where they are installed: each epoch's metrics, and the optimizer's parameters."""

import os

import pytest

from mlops_nb.project import current
from tests.autolog.conftest import gaps, recorded


def steps(name):
    return [row[0] for row in current().store.rows("SELECT step FROM metric WHERE name = ? ORDER BY id", name)]


def test_keras_is_recorded_under_mlflows_keys(iris):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    iris("""
    import keras
    model = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(X.to_numpy(), y.to_numpy(), epochs=2, batch_size=50, validation_split=0.2, verbose=0)
    """)
    (fit,) = recorded()
    assert {"epochs": 2, "batch_size": 50, "optimizer_name": "adam", "shuffle": True}.items() <= fit.parameters.items()
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "validation_loss"} <= set(fit.metrics)
    assert steps("loss") == [0, 1]
    assert gaps() == []


def test_lightning_is_recorded_under_mlflows_keys(iris):
    pytest.importorskip("pytorch_lightning")
    iris("""
    import pytorch_lightning as pl, torch
    class Line(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)
        def training_step(self, batch, index):
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]).squeeze(), batch[1])
            self.log("train_loss", loss, on_epoch=True)
            return loss
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)
    tensors = torch.tensor(X.to_numpy()).float(), torch.tensor(y.to_numpy()).float()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=50)
    trainer = pl.Trainer(max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                         enable_model_summary=False, accelerator="cpu")
    before = list(trainer.callbacks)
    trainer.fit(Line(), loader)
    assert trainer.callbacks == before
    """)
    (fit,) = recorded()
    assert fit.estimator == "__main__.Line"
    assert {"epochs": 2, "optimizer_name": "SGD", "lr": 0.01}.items() <= fit.parameters.items()
    assert steps("train_loss") == [0, 1]
    assert gaps() == []
