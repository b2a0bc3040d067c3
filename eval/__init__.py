"""Evaluation of vision-language models: what is asked, how it is marked, what the numbers are worth.

    suite -> items -> asks -> replies -> marks -> answers.parquet -> summary, comparison, leaderboard

Read items.py, asking.py and answers.py first: they hold the words. `run.py` is the way through.
"""
