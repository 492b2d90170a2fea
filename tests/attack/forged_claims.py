"""Tokens of the right form and signature whose claims must not identify anybody (forgeries.py has the others)."""

from collections.abc import Iterator
from typing import Any

from identity.signing import AUDIENCE, ED25519, OTHER_RSA, URL, as_json, claims, token

Forgery = tuple[str, bytes]


def dates(now: float) -> Iterator[Forgery]:
    for name, exp in {
        "past": now - 120,
        "long past": 0,
        "negative": -1,
        "text": str(int(now + 300)),
        "a date in text": "2099-01-01T00:00:00Z",
        "true": True,
        "a list": [now + 300],
        "an object": {"at": now + 300},
        "in milliseconds": (now + 300) * 1000,
        "huge": 1e308,
    }.items():
        yield f"exp {name}", token(claims(now, exp=exp))
    yield "no exp", token(claims(now, exp=None))
    template = as_json(claims(now, exp=0)).replace(b'"exp":0', b'"exp":%b')
    for name, raw in (("NaN", b"NaN"), ("Infinity", b"Infinity"), ("beyond a double", b"1e400"), ("null", b"null")):
        yield f"exp {name}", token(template % raw)
    for name, raw in (
        ("hexadecimal", b"0x7fffffff"),
        ("with a plus", b"+99999999999"),
        ("with a zero in front", b"099"),
    ):
        yield f"exp {name}", token(template % raw)
    yield "exp twice", token(template % b'1,"exp":9999999999')
    yield "exp twice by an escape", token(template % b'1,"\\u0065xp":9999999999')
    for claim in ("nbf", "iat"):
        yield f"{claim} in the future", token(claims(now, **{claim: now + 3600}))
        yield f"{claim} as text", token(claims(now, **{claim: str(now)}))
        yield f"{claim} negative", token(claims(now, **{claim: -5}))


def audiences(now: float) -> Iterator[Forgery]:
    for name, aud in {
        "another": "somebody-else",
        "a beginning": AUDIENCE[:-1],
        "with an end": AUDIENCE + "x",
        "with a slash": AUDIENCE + "/",
        "in capitals": AUDIENCE.upper(),
        "with a blank": AUDIENCE + " ",
        "several in one text": f"{AUDIENCE},other",
        "an empty list": [],
        "empty": "",
        "a star": "*",
        "a number": 1,
        "an object": {AUDIENCE: True},
        "nested": [[AUDIENCE]],
        "good and unreadable": [AUDIENCE, {}],
    }.items():
        yield name, token(claims(now, aud=aud))
    yield "none", token(claims(now, aud=None))
    yield "null", token(as_json(claims(now, aud=0)).replace(b'"aud":0', b'"aud":null'))
    yield "twice", token(as_json(claims(now)).replace(b'"aud":', b'"aud":"other","aud":'))


def issuers(now: float) -> Iterator[Forgery]:
    for name, iss in {
        "another": "https://attacker.example",
        "with a slash": URL + "/",
        "in capitals": URL.upper(),
        "a beginning": URL[:-1],
        "with an end": URL + ".attacker.example",
        "without its scheme": URL.removeprefix("https://"),
        "over http": URL.replace("https", "http"),
        "with a user": URL.replace("https://", "https://x@"),
        "with a query": URL + "?x",
        "with a blank": " " + URL,
        "a list": [URL],
        "an object": {"url": URL},
        "a number": 1,
        "empty": "",
        "its name here": "corp",
    }.items():
        yield name, token(claims(now, iss=iss))
    yield "none", token(claims(now, iss=None))
    yield "twice", token(as_json(claims(now)).replace(b'"iss":', b'"iss":"https://attacker.example","iss":'))


def subjects(now: float) -> Iterator[Forgery]:
    for name, sub in {
        "empty": "",
        "an object": {"id": "alice"},
        "two": ["alice", "bob"],
        "with a blank": "alice bob",
        "everybody": "*",
        "with a newline": "alice\nbob",
        "with a NUL": "alice\0",
        "over-long": "a" * 300,
        "a fraction": 1.5,
    }.items():
        yield name, token(claims(now, sub=sub))
    yield "none", token(claims(now, sub=None))
    yield "twice", token(as_json(claims(now)).replace(b'"sub":', b'"sub":"admin","sub":'))


def members(now: float) -> Iterator[Forgery]:
    wrong: dict[str, dict[str, Any]] = {
        "groups in an object": {"groups": {"research": True}},
        "groups nested": {"groups": [["research"]]},
        "groups with a number that is none": {"groups": [1.5]},
        "groups with an empty one": {"groups": ["research", ""]},
        "groups left out for their number": {"groups": None, "_claim_names": {"groups": "src1"}},
        "far too many groups": {"groups": [str(number) for number in range(1001)]},
        "roles that are no list": {"realm_access": {"roles": {"admin": 1}}},
        "bound to a key": {"cnf": {"jkt": "thumbprint"}},
        "bound to a certificate": {"cnf": {"x5t#S256": "digest"}},
        "bound to nothing": {"cnf": {}},
        "two teams": {"team": ["a", "b"]},
    }
    for name, changes in wrong.items():
        yield name, token(claims(now, **changes))
    for name, payload in {
        "a list": b"[]",
        "a text": b'"alice"',
        "a number": b"1",
        "not JSON": b"sub=alice",
        "empty": b"",
        "an empty object": b"{}",
        "nested too deeply": b'{"x":' + b"[" * 500 + b"]" * 500 + b"}",
    }.items():
        yield f"claims that are {name}", token(payload)


def own(now: float) -> Iterator[Forgery]:
    """As if the gateway had minted them."""
    own = {"iss": "guardhouse", "aud": "guardhouse", "jti": "gt_forged", "sub": "alice", "iat": now, "exp": now + 300}
    named = {**own, "groups": ["research"]}
    for kind in ("gh+jwt", "JWT", None):
        yield f"by another key, typ {kind}", token(named, key=OTHER_RSA, typ=kind)
        yield f"by the issuer's key, typ {kind}", token(named, typ=kind)
        yield (
            f"by the issuer's Ed25519 key, typ {kind}",
            token(named, key=ED25519, alg="EdDSA", kid="ed25519", typ=kind),
        )
    yield "of the issuer, of our kind", token(claims(now), typ="gh+jwt")
    yield "for our audience, by the issuer", token(claims(now, aud="guardhouse"))


FAMILIES = (dates, audiences, issuers, subjects, members, own)
