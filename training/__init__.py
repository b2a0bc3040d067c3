"""Training: one method a file, each also a plain function; TRL, transformers, accelerate, peft do the work.

from counterfactory.training.train import train
train("sft", "pocket", ["runs/world-qa"], Path("runs/sft"))

data.py      a view of one or several releases        outfit.py    the model that is trained
settings.py  what every method can be told            trainer.py   from settings to a TRL trainer
record.py    training.jsonl, progress, curves.png     resume.py    the same command goes on
lines.py     training.jsonl, read again
finish.py    what a finished run leaves               train.py     the steps around every method
cotraining/  the terms of `cotrain`, one loss a file
pocket/      how the small models inside the package are made (`counterfactory pocket pretrain`)
"""

METHODS: dict[str, str] = {
    "sft": "counterfactory.training.sft",
    "reinforce": "counterfactory.training.reinforce",
    "cotrain": "counterfactory.training.cotrain",
    "reflect": "counterfactory.training.reflect",
    "prefer": "counterfactory.training.prefer",
}
"""Method -> its module, which holds `Settings` and a function named like the method:

    def METHOD(outfit, rows, settings, work, recorder) -> dict[str, float]

`rows` is the one view that `settings.views()` names, or {view: rows} where it names several. A module
may hold `load(model, settings, device)` for a model of another kind than `outfit.load_outfit` gives.
"""
