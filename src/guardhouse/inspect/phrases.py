"""What attacks on a prompt tend to say, and how much each saying weighs.

A phrase is written as words; `a|b` is either, a `?` behind a word makes it optional. Between words stand one to four
characters that are no letters or digits. Weights: 4 says what only an attack says, 2 is suspicious, 1 is said by
harmless role prompts as well and counts for little alone ("act as").

The list is a signal beside others, never a verdict: the score it feeds is advisory.
"""

import codecs
import itertools
import re

import msgspec

_BETWEEN = "[^A-Za-z0-9]{1,4}"


class Phrase(msgspec.Struct, frozen=True):
    words: str
    weight: int


_PAST = "previous|prior|above|earlier|preceding|former|past|initial|original|existing|current"
_RULES = "instruction|instructions|prompt|prompts|rules|directives|guidelines|commands|directions|programming|policies"

PHRASES: tuple[Phrase, ...] = (
    Phrase(
        f"ignore|disregard|forget|override|bypass|neglect all|any|the|your|my|these|those {_PAST}|of "
        f"{_PAST}|the|your? {_RULES}",
        4,
    ),
    Phrase(f"ignore|disregard|forget|override|bypass {_PAST}|all|any|your|the {_RULES}", 4),
    Phrase("ignore|disregard|forget everything|anything|all|what you|i|we|before|above|said|was|have|were", 3),
    Phrase("ignore|disregard|forget the above|previous|foregoing|preceding", 3),
    Phrase(f"your|the|my new|real|true|actual|updated|only {_RULES} is|are", 3),
    Phrase(
        "reveal|show|print|repeat|output|display|tell|leak|expose|give|share me? your|the system|initial|"
        f"hidden|original|secret|full|entire {_RULES}|message",
        4,
    ),
    Phrase(f"reveal|print|repeat|output|leak|expose|what are|were your {_RULES}", 3),
    Phrase("repeat|print|output|copy everything|all|the|text|words above|before|verbatim", 3),
    Phrase("system prompt|message|instructions", 2),
    Phrase("developer|debug|god|sudo|admin|root|unrestricted|maintenance mode", 2),
    Phrase("do anything now", 4),
    Phrase("dan mode|prompt|jailbreak", 3),
    Phrase("stay in character|dan", 1),
    Phrase("jailbreak|jailbroken|jailbreaking", 3),
    Phrase(
        "no|without|free|any|ignoring from|ethical|moral|content|safety|legal restrictions|limitations|"
        "guidelines|filters|boundaries|constraints|rules|considerations",
        2,
    ),
    Phrase("without any? restrictions|filters|censorship|limitations|disclaimers|warnings|refusing|morals|ethics", 2),
    Phrase("unfiltered|uncensored|unrestricted|amoral", 2),
    Phrase("you|must|will|can never|not|cannot refuse|say|decline|reject|apologize", 2),
    Phrase("you are|re no longer|not an|a|bound|chatgpt|gpt|ai|restricted|limited", 2),
    Phrase("pretend|imagine|act|behave|respond|answer as|like|that if|though|you have|are|no", 1),
    Phrase("pretend you|to are|be|have", 1),
    Phrase("act as", 1),
    Phrase("you are now", 1),
    Phrase("from now on", 1),
    Phrase("new persona|identity|instructions", 1),
    Phrase(
        "disable|turn|remove|switch|deactivate off|your|all|the safety|content|filters|filter|guardrails|"
        "moderation|restrictions|ethics",
        3,
    ),
    Phrase(
        "exfiltrate|steal|send|forward|post the|all|any|your|users|user data|credentials|password|"
        "passwords|secrets|keys|conversation|history|emails",
        2,
    ),
    Phrase("end of|user|system|the input|prompt|message|text|instructions|context", 1),
    Phrase("begin|start|end system|new|real|admin instructions|prompt|message|override", 2),
    Phrase(
        "ignore|disregard|forget all|any|every|the|other|following|below|retrieved|given|further|safety "
        "other|following|retrieved|given|context|ethical|safety? instructions|instruction|context|"
        "question|input|text|rules|identity",
        3,
    ),
    Phrase("have been pwned", 2),
    Phrase("evil|unrestricted|unfiltered|uncensored|jailbroken ai|assistant|chatbot|model|bot|version", 2),
    Phrase("hypothetically speaking|hypothetical response|response", 1),
    Phrase("your training data|documentation|set", 1),
    Phrase("your real|actual|true|secret instructions|purpose|goal|task|orders|identity", 2),
    Phrase("admin|system|safety|security|root override|bypass|disabled|off", 3),
    Phrase("answer|respond|reply|say only|just|exactly with|the|this|yes", 1),
    Phrase("illegal|unethical|immoral|harmful|offensive|explicit content|actions|activities|things|or|and", 1),
    Phrase(
        "the|this answer|response|output must|should not|never contain|include|mention any? refusal|"
        "warnings|disclaimers|apology",
        2,
    ),
)  # fmt: skip

# parts of prompt templates: in what a user or a tool says they have no business
DELIMITERS: tuple[str, ...] = (
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|eot_id|start_header_id|end_header_id)\|>",
    r"</?(?:system|instructions?|system_prompt|sys|s)>",
    r"\[/?(?:system|inst|sys|admin)\]",
    r"<</?sys>>",
    r"#{2,4} ?(?:system|instructions?|assistant|human|user|response)\b",
    r"(?:^|\n)[ \t]{0,4}(?:system|assistant|human|developer)[ \t]{0,2}:",
    r"<(?:start|end)_of_turn>",
    r"\"role\"[ ]{0,2}:[ ]{0,2}\"(?:system|developer)\"",
)

# words whose letters may be written apart to hide them
TELLING_WORDS = (
    "ignore", "disregard", "forget", "override", "bypass", "reveal", "system", "prompt", "jailbreak", "previous",
    "instructions",
)  # fmt: skip


def phrase_pattern(words: str) -> str:
    parts: list[str] = []
    tokens = words.split(" ")
    for index, token in enumerate(tokens):
        optional = token.endswith("?")
        choice = "(?:" + "|".join(re.escape(word.rstrip("?")) for word in token.split("|")) + ")"
        between = _BETWEEN if index < len(tokens) - 1 else ""
        parts.append(f"(?:{choice}{between})?" if optional else choice + between)
    return "".join(parts)


def rotated(words: str) -> str:
    return codecs.encode(words, "rot13")


_LEET = {"o": "o0", "i": "i1!", "e": "e3", "a": "a4@", "s": "s5$", "t": "t7"}


def leet_fragments() -> list[str]:
    """Three neighbours in a telling word, at least one of them a digit or sign that stands for its letter.

    Literals are what the scanner is best at; "a letter, a digit, a letter" alone would cost a quarter of a scan.
    """
    spelled = {
        "".join(letters)
        for word in TELLING_WORDS
        for start in range(len(word) - 2)
        for letters in itertools.product(*(_LEET.get(letter, letter) for letter in word[start : start + 3]))
    }
    return sorted(fragment for fragment in spelled if not fragment.isalpha())
