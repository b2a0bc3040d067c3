"""One spelling for what models write in many: digits, quotes, markdown, LaTeX, chat tokens.

>>> plain("**Ｔhere are ３ \\\\text{stars}**")
'There are 3 stars'
"""

import re
import unicodedata

_SPELLING = str.maketrans(
    {
        "‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "−": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "٫": ".", "٬": ",", "٪": "%",
        "²": "^2", "³": "^3", "⁄": "/", "￼": " ",
    }
)  # fmt: skip
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe0f\u00ad]")
_RUN = re.compile(r"([^\w\s{}])\1{9,}")
_VULGAR = re.compile(r"[¼-¾⅐-⅞]")
_END = re.compile(
    r"<\|(?:im_end|eot_id|end_of_text|endoftext|end|return|eom_id)\|>|</s>|<end_of_utterance>|"
    r"<end_of_turn>|<eos>|<｜end▁of▁sentence｜>"
)
_START = re.compile(
    r"^(?:\s|<s>|<bos>|<\|begin_of_text\|>|<\|im_start\|>|<\|start\|>|<start_of_turn>|"
    r"(?:assistant|model)\s*(?=[:\n])|<\|start_header_id\|>\w+<\|end_header_id\|>)+:?",
    re.IGNORECASE,
)
_NEXT_TURN = re.compile(
    r"\n\s*(?:#+\s*)?(?:user|human|instruction|assistant)\s*:|\n\s*<\|?im_start|"
    r"\n\s*#+\s*(?:user|human|instruction)\b",
    re.IGNORECASE,
)
_NEXT_QUESTION = re.compile(r"\n\s*(?:question|q)\s*:", re.IGNORECASE)
_MATH = (
    (re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|mbox)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[dt]frac"), r"\\frac"),
    (re.compile(r"\^?\s*\{?\\(?:circ|degree)\}?|°"), " degrees "),
    (re.compile(r"\\(?:times|cdot)\b|×|·"), " * "),
    (re.compile(r"\\div\b|÷"), " / "),
    (re.compile(r"\\(?:approx|simeq)\b|≈|≃"), " = "),
    (re.compile(r"\\(?:left|right|displaystyle|quad|,|;|!|:|\s)"), " "),
    (re.compile(r"\\([%$#&_])"), r"\1"),
    (re.compile(r"\\[()\[\]]|\$"), " "),
)  # fmt: skip
_MARKDOWN = (
    (re.compile(r"~~[^~\n]+~~"), " "),
    (re.compile(r"```\w*\n?"), "\n"),
    (re.compile(r"`+|\*\*+|__+(?=\S)|(?<=\S)__+"), ""),
    (re.compile(r"(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)"), ""),
    (re.compile(r"^[ \t]*>+[ \t]?(?![\s\d])", re.MULTILINE), ""),
    (re.compile(r"</?(?:b|i|u|em|strong|p|br|span|div|code|sub|sup)\s*/?>"), " "),
    (re.compile(r"&nbsp;|&#160;"), " "),
)


def spelled(raw: str) -> str:
    """Return the text with one kind of digit, quote, dash and space, and no sign ten times in a row."""
    text = _INVISIBLE.sub("", raw.replace("\r\n", "\n").replace("\r", "\n")).translate(_SPELLING)
    text = _VULGAR.sub(lambda m: " " + unicodedata.normalize("NFKC", m[0]), text)
    text = unicodedata.normalize("NFKC", text).translate(_SPELLING)
    return _RUN.sub(r"\1\1\1", "".join(_digit(char) for char in text))


def _digit(char: str) -> str:
    value = unicodedata.decimal(char, None) if char > "\x7f" else None
    return char if value is None else str(value)


def reply_only(text: str) -> str:
    """Leave out chat tokens and what a model makes up after its own turn."""
    text = _START.sub("", text, count=1)
    if end := _END.search(text):
        text = text[: end.start()]
    if turn := _NEXT_TURN.search(text):
        text = text[: turn.start()] if text[: turn.start()].strip() else text
    question = _NEXT_QUESTION.search(text)
    if question and 0 < len(text[: question.start()].strip()) <= 60:
        text = text[: question.start()]
    return text


def unmarked(text: str) -> str:
    """Return the text without markdown and LaTeX dress."""
    for pattern, replacement in (*_MATH, *_MARKDOWN):
        text = pattern.sub(replacement, text)
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in text.split("\n"))
    return "\n".join(lines).strip()


def plain(raw: str) -> str:
    """Return a reply as plain text."""
    return unmarked(spelled(raw))


def sentences(text: str) -> list[str]:
    """Split at line ends and after . ! ? that end a sentence; decimals and "A." at a start stay."""
    found = re.split(r"\n+|(?<=[.!?。！？])[\"')\]]*\s+|(?<=[。！？])", text)
    return [part.strip() for part in found if part.strip()]


def sentence_at(text: str, position: int) -> str:
    """Return the sentence that holds the character at a position."""
    end = 0
    for part in sentences(text):
        end = text.index(part, end) + len(part)
        if position < end:
            return part
    return text
