"""The prompts of reflection (R3V): reason aloud, put a wrong answer right, choose among several.

    >>> print(select_prompt("How many balls are there?", ["2 + 1 = 3. Answer: 3", "Answer: 2"]))
    How many balls are there?
    Answer 1: 2 + 1 = 3. Answer: 3
    Answer 2: Answer: 2
    Which answer is right? Give the right answer only.

Training on such prompts and using them when tested is done with the same words.
"""

from collections.abc import Sequence

THINK = '\nThink step by step, then give the answer as "Answer: X".'
"""Behind a question: the reasoning is wanted, and the answer in this form."""
ANSWER = "\nAnswer: "  # between the two


def select_prompt(question: str, answers: Sequence[str]) -> str:
    """Return the prompt; the answer wanted is the short one, neither a number nor a rationale."""
    shown = [f"Answer {number}: {one_line(text)}" for number, text in enumerate(answers, 1)]
    return "\n".join([question, *shown, "Which answer is right? Give the right answer only."])


def refine_prompt(question: str, answer: str) -> str:
    """Return the prompt that shows a wrong answer; wanted is a right one with its reasoning.

    >>> print(refine_prompt("How many balls are there?", "2 + 2 = 3.\\nAnswer: 3"))
    How many balls are there?
    Answer 1: 2 + 2 = 3. Answer: 3
    This answer may be wrong. Think again and give the right answer.
    """
    ask = "This answer may be wrong. Think again and give the right answer."
    return "\n".join([question, f"Answer 1: {one_line(answer)}", ask])


def one_line(text: str) -> str:
    """Return a reply as it is shown in a prompt: white space is one blank.

    >>> one_line("2 + 1 = 3.\\nAnswer: 3 ")
    '2 + 1 = 3. Answer: 3'
    """
    return " ".join(text.split())
