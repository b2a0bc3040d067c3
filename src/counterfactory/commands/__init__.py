"""One command a file: `add(subparsers)` declares it, `run(args)` does it and returns the exit code.

These modules import nothing heavy at the top: what a command needs is imported inside `run`.
"""
