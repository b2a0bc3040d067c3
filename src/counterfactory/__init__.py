"""Counterfactory finds what a vision-language model gets wrong and makes verified data for it.

    Sample      an image with what is known of it and where it came from
    Edit        one intended change: replace, recolour, resize, move, add, remove
    Candidate   one proposed edit on one sample; it ends as a row or as a Reject
    Verdict     one check's result; "unscored" is a third state, never a zero
    Recipe      YAML that says what to make; validated, never executed
    Release     an immutable, versioned dataset folder in Hub layout
    View        a part of a release made for one use: pairs, sft, dpo, kto, grpo, clip, rejects

Importing this package loads no torch: heavy libraries load when they are used.
"""

__version__ = "0.1.0"
