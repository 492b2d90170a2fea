"""What a decision may know of a request beside who asks for what: the circumstances that `when` speaks of.

The path makes one only for a caller that some policy with a condition speaks of, and `explain` makes one from what it
is told. `at` is Unix time, `size` is bytes of the judged document, `risk` is the score of its signals.
"""


class Facts:
    __slots__ = ("at", "client", "risk", "size", "stream", "tools")

    def __init__(  # noqa: PLR0917 - on the path, where names would cost what they say
        self,
        client: str = "",
        at: float = 0.0,
        size: int = 0,
        stream: bool = False,
        tools: bool = False,
        risk: int = 0,
    ) -> None:
        self.client = client
        self.at = at
        self.size = size
        self.stream = stream
        self.tools = tools
        self.risk = risk

    def __repr__(self) -> str:
        return f"<Facts of {self.size} bytes from {self.client}, risk {self.risk}>"


NO_FACTS = Facts()  # for a decision that no condition has a part in
