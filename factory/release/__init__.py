"""Releases: canonical rows in, a dataset folder in Hub layout out, and the tools that read it back.

    candidate --rows.py--> canonical row --views.py--> rows of pairs, sft, dpo, kto, grpo, clip
                                                       (their columns: features.py)

    write.py      all of a release but its data: card, pictures, manifest, croissant, LLaMA-Factory
    facts.py      what the engine hands over for it;  contents.py: what the data files say themselves
    measures.py   what a model could learn without looking: answer balance, leakage by text or texture

    validate.py   does the folder hold what its manifest promises?  (loads.py, rowcheck.py, targets.py)
    explain.py    one row's or reject's whole story;  story.py: as lines of text
    replay.py     one row made again: does the same come out?  (equal.py)
    diff.py       what differs between two releases;  known.py: the facts of a finished one

    publish/      a release, a model or a suite onto a Hub: sent, loaded back, tagged
    hub/          a small Hub in the box;  export/: other people's formats

Only `write` and the engine write a release; everything else reads a finished folder and never changes it.
"""
