"""Reflection: a model explains itself, is cross-examined, and its contradictions are written down.

    rows = reflect(items, answers, ask)     # examine.py; `ask` sends prompts to the model
    rows[0]["claim"], rows[0]["contradiction"], rows[0]["region"]

No label is needed: the model is held against itself. How well that predicts being wrong is what
report.py measures where labels exist.
"""
