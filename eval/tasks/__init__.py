"""Task files for the plain command `lm_eval --include_path ...`: `pocket/` and `standard/`."""
