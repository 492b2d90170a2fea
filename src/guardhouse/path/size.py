"""The size of an exchange in tokens, by estimate and at most; sizing.py says what goes into it."""

LONGEST_OUTPUT = 4096  # tokens that a budget allows an answer whose length nobody named, if the model does not say
EVERYTHING = 2**53  # more than any limit


class Size:
    __slots__ = ("answers", "given", "lost", "made", "most_given", "most_made", "put_in")

    def __init__(self) -> None:
        self.given = 0
        self.made = 0
        self.most_given = 0
        self.most_made = 0
        self.answers = 1
        self.lost = 0  # times that it was sent to a model server that broke
        self.put_in = False  # the caller named no length, and was given one

    def __repr__(self) -> str:
        return f"<Size {self.given} and {self.made} tokens, at most {self.most_given} and {self.most_made}>"
