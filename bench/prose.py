"""The text every contender carries: plain English prose, the same bytes on every machine and in every run.

A prompt of one repeated word would flatter a scanner, random bytes would punish it. These sentences are ordinary
office language with the digits that such language has (years, prices, percentages, times, order numbers), and none of
them holds anything that a masking rule is meant to find. `private_prose` adds exactly one e-mail address and one card
number, so that a masking rule has something to do.
"""

import random

EMAIL = "maria.keller@northbridge-mills.co"
CARD = "4539 1488 0343 6467"
CLOSING = "That is all for now, thank you."

SENTENCES = (
    "The committee met on a wet {weekday} and agreed, after some debate, to keep the old warehouse for another winter.",
    "Sales rose by {percent} % in the spring, yet the cost of paper went up faster than anyone had planned for.",
    "Could you read the attached notes and tell me which of the {small} options you would choose, and why?",
    "Order {order} left the depot at {clock} and should reach the shop before the weekend.",
    "In {year} the town built a second bridge; the first, made of oak, had been mended {small} times by then.",
    "My grandmother used to say that a good soup needs patience, salt, and a neighbour who drops in unannounced.",
    "The report lists {count} interviews, of which roughly a third were held by phone and the rest in person.",
    "Please keep the summary short: three paragraphs, no jargon, and one sentence about the risks we still see.",
    "She walked along the canal until the lamps came on, thinking about the letter she had not yet answered.",
    "Version {small}.{small} of the handbook explains the new process, but chapter {small} is still missing.",
    "We paid {money} euros for the repair, including tax, and the invoice is due within {small} days.",
    "Nobody had expected the audience to stay, but when the lights came back {count} people were still in their seats.",
    "The museum opens at {clock}, except on {weekday}s, when school classes fill the rooms from early morning.",
    "If the pump stops again, close the left valve first, wait {small} minutes, and only then look at the filter.",
    "There is a difference between a plan that is simple and a plan that merely leaves out the difficult parts.",
    "Our supplier promised {count} units by the end of {month}; so far a little more than half have arrived.",
    "He learnt to read maps from his uncle, who had sailed to Bergen and back in a boat he built himself.",
    "What would change if we moved the training from {month} to {month}, when most of the staff are back?",
    "The bakery on the corner sells {count} loaves a day, most of them before {clock}.",
    "As the minutes of {month} {year} show, the board has discussed this question at least {small} times.",
    "A light wind came from the hills, and the smell of cut grass lay over the whole valley.",
    "In short: fewer meetings, clearer notes, and a decision by {weekday} at the latest.",
    "The temperature fell to {small} degrees overnight, which is unusual for the coast at this time of year.",
    "Translate the following passage into plain language that a new colleague could follow without help.",
    "Page {count} has a table whose columns do not add up; the total should read {money}, not {money}.",
    "They argued about the colour of the door for an hour and then left it exactly as it was.",
    "Room {count} is free from {clock} on, so the interview could take place there if the projector works.",
    "The old orchard gives about {count} kilos of apples in a good year, and almost nothing in a bad one.",
    "I would rather have one honest estimate than {small} hopeful ones.",
    "Between {year} and {year} the number of members doubled, while the rent for the hall stayed the same.",
    "When the train finally arrived it was {small} minutes late, and the dining car had run out of tea.",
    "It is worth asking who benefits from the rule, who pays for it, and who would notice if it were gone.",
)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = ("January", "March", "April", "June", "September", "October", "November")


def _sentence(template: str, chance: random.Random) -> str:
    for name, value in (
        ("weekday", chance.choice(WEEKDAYS)),
        ("month", chance.choice(MONTHS)),
        ("percent", str(chance.randint(2, 48))),
        ("small", str(chance.randint(2, 19))),
        ("count", str(chance.randint(120, 980))),
        ("order", str(chance.randint(10_000, 99_999))),
        ("clock", f"{chance.randint(7, 19)}:{chance.randint(0, 5)}5"),
        ("year", str(chance.randint(1903, 2024))),
        ("money", f"{chance.randint(1, 40)},{chance.randint(100, 999)}.50"),
    ):
        template = template.replace("{" + name + "}", value)
    return template


def prose(size: int, *, seed: int = 7) -> str:
    """Exactly `size` bytes of ASCII prose in paragraphs, ending in CLOSING."""
    chance = random.Random(seed)
    parts: list[str] = []
    length = 0
    while length < size:
        sentence = _sentence(chance.choice(SENTENCES), chance)
        parts.append(sentence + ("\n\n" if len(parts) % 5 == 4 else " "))
        length += len(parts[-1])
    return "".join(parts)[: size - len(CLOSING) - 1] + " " + CLOSING


def private_prose(size: int, *, seed: int = 7) -> str:
    """As `prose`, with one e-mail address and one card number in the middle."""
    private = f" Write to {EMAIL} about the card {CARD} today. "
    text = prose(size - len(private), seed=seed)
    middle = text.index(" ", len(text) // 2)
    return text[:middle] + private + text[middle + 1 :] + " "
