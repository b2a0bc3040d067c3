"""The prompt of self-selection (R3V): a question with some of the model's own answers to it.

    >>> print(select_prompt("How many balls are there?", ["2 + 1 = 3. Answer: 3", "Answer: 2"]))
    How many balls are there?
    Answer 1: 2 + 1 = 3. Answer: 3
    Answer 2: Answer: 2
    Which answer is right? Give the right answer only.

Training on selections and selecting when tested use the same words.
"""

from collections.abc import Sequence


def select_prompt(question: str, answers: Sequence[str]) -> str:
    """Return the prompt; the answer wanted is the short one, neither a number nor a rationale."""
    shown = [f"Answer {number}: {text}" for number, text in enumerate(answers, 1)]
    return "\n".join([question, *shown, "Which answer is right? Give the right answer only."])
