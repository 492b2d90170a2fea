"""Policies to try beside one that lets everything pass, requests that they judge, and what becomes of each."""

from pathlib import Path
from typing import Any

from playbook import Play, chat, get, perform, post

from guardhouse.path.shadow import COMPARED
from guardhouse.policy.load import Loaded, load_content

BASE = """
targets:
  local: {kind: openai, url: "http://127.0.0.1:9"}
  other: {kind: openai, url: "http://127.0.0.2:9"}
models:
  small: {targets: [local, other], aliases: [tiny]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer, read], models: ["*"], mask: {entities: []}}
"""
MORE = """  - {name: more, effect: restrict, who: {groups: [research]}, may: [infer], models: ["*"], EFFECT}
"""
LOCAL = 'local: {kind: openai, url: "http://127.0.0.1:9"}'
SMALL = "small: {targets: [local, other], aliases: [tiny]}"
REGIONS = """
regions: {frankfurt: {jurisdiction: EU}, virginia: {jurisdiction: US}}
residency: {here: frankfurt}
"""
CONTRACT = """
contracts:
  talk:
    version: "1.0"
    request: {schema: {type: object, properties: {messages: {type: array, maxItems: 1}}}}
"""
SIGNED = """
signatures:
  authorities: [gateway]
  scheme: http
  keys: {mine: {algorithm: ed25519, key: MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=, of: [alice]}}
"""


def more(effect: str) -> str:
    return BASE + MORE.replace("EFFECT", effect)


def model(rules: str) -> str:
    return BASE.replace(SMALL, SMALL.replace("}", f", {rules}}}"))


PRICED = "price: {input: 1000 EUR/1M, output: 1000 EUR/1M}, max_output: 1000"
BOUNDED = SMALL.replace("}", ", max_output: 1000}")
PLACED = BASE.replace('9"}', '9", region: frankfurt}')
TRIED = {
    "another API": BASE.replace("kind: openai", "kind: anthropic"),
    "one server has another API": BASE.replace(LOCAL, LOCAL.replace("openai", "anthropic")),
    "a region": PLACED + MORE.replace("EFFECT", "keep_in: {servers: ['caller:region']}") + REGIONS,
    "a region for addresses": PLACED.replace("frankfurt", "virginia", 1)
    + MORE.replace("EFFECT", "keep_in: {email: [frankfurt]}")
    + REGIONS,
    "no way": more("route: [local]") + MORE.replace("more", "further").replace("EFFECT", "route: [other]"),
    "one way": more("route: [local]"),
    "signed": more("require: [signature]") + SIGNED,
    "no unknown fields": more("unknown_fields: refuse"),
    "masks": more("mask: {entities: [email]}"),
    "no injections": more("injection: block"),
    "flagged injections": more("injection: flag"),
    "few tokens": more("limits: {tokens: 20/day}"),
    "few tokens at most": more("limits: {budget: 5k tokens/day, cap_output: true}").replace(SMALL, BOUNDED),
    "little money": more("limits: {budget: 1 EUR/day}").replace(SMALL, SMALL.replace("}", f", {PRICED}}}")),
    "approval": more("approve: {by: [security]}"),
    "denied if large": BASE
    + '  - {name: no, effect: deny, who: {ids: ["*"]}, may: [infer], models: ["*"], when: {size: {at_least: 1KiB}}}\n',
    "small ones only": BASE.replace("infer, read]", "infer, read], when: {size: {at_most: 1KiB}}"),
    "only chat": BASE.replace("[infer, read]", "[chat]"),
    "no tools": model("features: {tools: off, streaming: off}"),
    "few messages": model("content: {messages: 1}"),
    "hosts": model("content: {hosts: [images.example.com]}"),
    "servers": model("content: {mcp_servers: [mcp.example.com]}"),
    "stored things": model("content: {stored: [files]}"),
    "keeps nothing": model("features: {stored: off}"),
    "no images": model("content: {media: [application/pdf]}"),
    "images by their name": model("content: {mislabelled: refuse}"),
    "parameters": model("parameters: {allow: [temperature], rules: {temperature: {max: 1, over: clamp}}}"),
    "no heat": model("parameters: {rules: {temperature: refuse, seed: {set: 7}}}"),
    "contract": model("contract: talk") + CONTRACT,
    "no alias": BASE.replace(", aliases: [tiny]", ""),
}

IMAGE = {"type": "image_url", "image_url": {"url": "https://images.example.com/a.png"}}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
NAMED = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,iVBORw0KGgo="}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
MCP = {"type": "mcp", "server_label": "files", "server_url": "https://mcp.example.com/", "authorization": "t0ken"}
REQUESTS = {
    "plain": post(chat("hello")),
    "by alias": post(chat("hello", "tiny")),
    "long": post(chat("hello " * 400)),
    "with a tool": post(chat("hello", tools=[TOOL])),
    "hot": post(chat("hello", temperature=1.5)),
    "strange": post(chat("hello", strange=1)),
    "injected": post(chat("hello", user="' OR 1=1 --")),
    "with an image": post({"model": "small", "messages": [{"role": "user", "content": [PIXEL]}]}),
    "with a misnamed image": post({"model": "small", "messages": [{"role": "user", "content": [NAMED]}]}),
    "with a URL": post({"model": "small", "messages": [{"role": "user", "content": [IMAGE]}]}),
    "of two messages": post({"model": "small", "messages": [{"role": "user", "content": "a"}] * 2}),
    "wishing for much": post(chat("hello", max_tokens=100_000)),
    "embedding": post({"model": "small", "input": "x"}, path=b"/v1/embeddings"),
    "completion": post({"model": "small", "prompt": "x", "max_tokens": 3}, path=b"/v1/completions"),
    "going on": post({"model": "small", "input": "x", "background": True}, path=b"/v1/responses"),
    "with a file": post(chat("hello", file_id="f")),
    "with a server": post(chat("hello", tools=[MCP])),
    "list": get(b"/v1/models"),
    "unknown model": post(chat("hello", "large")),
}
PASSED = ""
Said = dict[str, tuple[str, Any]]


def loaded(config: str) -> Loaded:
    read = load_content(config.encode(), Path("guardhouse.yaml"), {})
    assert isinstance(read, Loaded), read
    return read


def played(directory: Path, active: str, shadow: str | None) -> Said:
    """By request: why it was refused, if it was, and what the record says of the shadow."""
    said: Said = {}

    async def scene(play: Play) -> None:
        for name, request in REQUESTS.items():
            play.plane.shadow = None if shadow is None else loaded(shadow).snapshot
            await play.say(request)
            closed = play.records[-1]
            refused = closed["reason"] if closed["decision"] == "denied" else PASSED
            of_rules = refused in {reason.code for reason in COMPARED}  # not: that a rate is used up
            said[name] = (refused if of_rules else PASSED, closed.get("shadow"))

    directory.mkdir()
    perform(directory, scene, config=active)
    return said
