"""Published benchmarks as lm-eval tasks: `lm_eval --include_path eval/tasks/standard --tasks cf_pope`.

One YAML file a task, all over `_base.yaml`; `utils.py` holds the functions that they name.
"""
