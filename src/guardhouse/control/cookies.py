"""Cookies of the admin port.

They are for this host only, out of reach of scripts, and left out of most requests that come from elsewhere
(`SameSite=Lax`). Where the port is reached by https they go over https only, and their names say so (`__Host-`):
browsers take a cookie by such a name from nobody else.
"""

from starlette.requests import Request
from starlette.responses import Response


class Cookie:
    __slots__ = ("_is_secure", "name")

    def __init__(self, name: str, origin: str) -> None:
        """`origin`: how browsers call this port."""
        self._is_secure = origin.startswith("https://")
        self.name = f"__Host-{name}" if self._is_secure else name

    def __repr__(self) -> str:
        return f"<Cookie {self.name}>"

    def set(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.name, value, max_age=seconds, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def clear(self, response: Response) -> None:
        self.set(response, "", 0)

    def values(self, request: Request) -> list[str]:
        """Every value under this name, in whatever header and place it stands."""
        found = []
        for header, value in request.headers.raw:
            if header == b"cookie":
                pairs = [part.strip().partition("=") for part in value.decode("latin-1").split(";")]
                found += [text for key, _, text in pairs if key == self.name]
        return found
