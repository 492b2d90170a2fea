"""A server that a request wants the model server to connect to, in the words of the request."""

At = tuple[str | int, ...]


class AskedServer:
    """`at` is where it stands, `fault` says what of it cannot be judged; the rest counts only where there is none.
    `connector` is what the model server knows by itself; secrets are not kept here."""

    __slots__ = ("at", "connector", "fault", "label", "url")

    def __init__(self, at: At, *, url: str = "", connector: str = "", label: str = "", fault: str = "") -> None:
        self.at = at
        self.url = url
        self.connector = connector
        self.label = label
        self.fault = fault

    def __repr__(self) -> str:
        return f"<AskedServer at {self.place}>"

    @property
    def place(self) -> str:
        text = ""
        for step in self.at:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text
