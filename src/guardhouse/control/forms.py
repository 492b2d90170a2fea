"""Forms that browsers post to the pages of the admin port, read within bounds."""

from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


async def read_posted(request: Request, most: int) -> dict[str, str]:
    """The fields of a form of at most `most` bytes; nothing for what is no form, or has a field twice."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        return {}
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > most:
                return {}
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (ClientDisconnect, ValueError):
        return {}
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {}
