"""A browser as far as signing in goes: it keeps cookies, follows redirects and fills in the forms of the provider."""

import re
from urllib.parse import urljoin

import httpx


class Browser:
    """Cookies go by host; ports do not tell hosts apart, as in real ones."""

    def __init__(self) -> None:
        self.client = httpx.Client(trust_env=False, follow_redirects=False, timeout=10)
        self.visited: list[str] = []

    def close(self) -> None:
        self.client.close()

    def open(self, url: str) -> httpx.Response:
        """The page at the end of all redirects."""
        answer = self._ask("GET", url)
        for _ in range(20):
            if answer.status_code not in {302, 303, 307}:
                return answer
            answer = self._ask("GET", urljoin(str(answer.url), answer.headers["location"]))
        raise AssertionError("the redirects do not end")

    def submit(self, answer: httpx.Response, **fields: str) -> httpx.Response:
        """Send the first form of a page, with what is filled in, and go where it leads."""
        found = re.search(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', answer.text, re.DOTALL)
        assert found is not None, answer.text
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', found[2]))
        here = f"{answer.url.scheme}://{answer.url.netloc.decode()}"
        done = self._ask("POST", urljoin(str(answer.url), found[1]), {**hidden, **fields}, {"origin": here})
        if done.status_code in {302, 303}:
            return self.open(urljoin(str(done.url), done.headers["location"]))
        return done

    def sign_in(self, url: str, name: str) -> httpx.Response:
        """Open a page that sends people to the provider, and do what that asks for."""
        page = self.submit(self.open(url), prompt="login", login=name, password="any")
        return self.submit(page, prompt="consent") if "consent" in page.text else page

    def _ask(
        self, method: str, url: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        self.visited.append(url)
        return self.client.request(method, url, data=form, headers=headers)
