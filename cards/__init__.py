"""Cards: facts in, text out, no network. Templates (*.jinja) and the functions that fill them.

A template never guesses: a fact that is missing stops the release instead of leaving a placeholder.
"""
