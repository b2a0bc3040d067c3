"""The pocket suite as tasks of lm-eval: one YAML file a task, all code in `utils.py`."""
