"""Whether the parts of an issuer fit together, and whether its tokens can say anything at all.

Refused is what can have no effect, what would let anybody on the network replace the issuer's keys, and an issuer that
makes tokens for everybody of whom nothing is required.
"""

from collections.abc import Iterator

from guardhouse.identity.minted import ISSUER as OWN
from guardhouse.identity.workloads import PRESETS, Preset
from guardhouse.policy.network import is_loopback
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.sections.issuers import ENDPOINT, IssuerEntry, parse_claim, show_claim, url_of

Finding = tuple[Path, str]

MOST_SKEW = 300.0


def findings(issuers: dict[str, IssuerEntry]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, issuer in issuers.items():
        preset = PRESETS[issuer.kind]
        url = url_of(issuer, preset)
        if not url:
            yield (name,), f"the key {quote('issuer')} is missing"
            continue
        if url == OWN:
            yield (name, "issuer"), "is what the gateway's own tokens say"
        elif url in seen:
            yield (name, "issuer"), f"is the issuer of {quote(seen[url])} already"
        seen.setdefault(url, name)
        for path, message in (*_keys_findings(issuer, url), *_rule_findings(issuer, preset)):
            yield (name, *path), message


def _keys_findings(issuer: IssuerEntry, url: str) -> Iterator[Finding]:
    keys = issuer.keys
    given = [name for name in ("file", "jwks", "discovery") if getattr(keys, name) is not None]
    for name in given[1:]:
        yield ("keys", name), f"has no effect beside {given[0]}"
    if not given and not ENDPOINT.fullmatch(url):
        yield ("keys",), "must say where the keys are: the issuer is not a URL, so nothing can be discovered"
    asked: list[tuple[Path, str]] = [(("keys", name), getattr(keys, name)) for name in given if name != "file"]
    for path, endpoint in asked if given else [(("issuer",), url)]:
        match = ENDPOINT.fullmatch(endpoint)
        if match and match[1] == "http" and not is_loopback(match[2].strip("[]")):
            yield path, "the keys would come over http:// from another machine, where anybody could replace them"
    for name in ("authorities", "token_file") if keys.file is not None else ():
        if getattr(keys, name) is not None:
            yield ("keys", name), "has no effect: the keys come from a file"
    if keys.stale_after < keys.refresh:
        yield ("keys", "stale_after"), "is shorter than refresh, so the keys would be stale before they are looked at"


def _rule_findings(issuer: IssuerEntry, preset: Preset) -> Iterator[Finding]:
    if issuer.skew > MOST_SKEW:
        yield ("skew",), "must be 5m at most"
    for section in ("require", "strong"):
        for claim, values in getattr(issuer, section).items():
            if parse_claim(claim) is None:
                yield (section, claim), "is not a JSON Pointer: after ~ comes 0 or 1"
            if "*" in values:
                yield (section, claim), 'the value "*" means any; write what it begins with'
    required = {parse_claim(claim) for claim in issuer.require}
    anyone = preset.anyone if issuer.issuer in (None, preset.issuer) or preset.issuer is None else ()
    if anyone and not required & set(anyone):
        names = ", ".join(show_claim(claim) for claim in anyone)
        yield ("require",), f"must name one of {names}: anybody can have this issuer make a token for any audience"
