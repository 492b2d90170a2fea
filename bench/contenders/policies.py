"""Guardhouse under 10, 100 and 1,000 policies, each with a hundred thousand keys: what does a request pay for them?

Three policies speak of the benchmark's caller in each of the three: the one that allows, a denial that asks where the
caller is, and a restriction that asks how risky the prompt looks; so conditions are evaluated for every request. The
rest speaks of others as policies do: of groups, of everybody with an attribute, with conditions or without, to allow,
deny and restrict. Everything else is as with every control.
"""

from pathlib import Path

from bench import keys, payload
from bench.contenders.guardhouse import Guardhouse
from guardhouse.control.state import State
from guardhouse.control.store import Store

KEYS = 100_000
_OWN = """\
  - {name: only from here, effect: deny, who: {ids: ["*"]}, may: [infer], models: ["*"], when: {not_network: [here]}}
  - name: look out
    effect: restrict
    who: {ids: ["*"]}
    may: [infer]
    models: ["*"]
    when: {risk: {at_least: 9}}
    flag: [risky]
networks: {here: [127.0.0.0/8], elsewhere: [192.0.2.0/24]}
"""
_OTHERS = (
    "who: {{groups: [group-{n}]}}, may: [chat], models: [{model}], flag: [f{n}]",
    "who: {{groups: [group-{n}]}}, may: [infer], models: [{model}], flag: [f{n}], when: {{risk: {{at_most: {few}}}}}",
    "who: {{groups: [group-{n}]}}, effect: deny, may: [chat], models: [{model}], when: {{network: [elsewhere]}}",
    "who: {{groups: [group-{n}]}}, effect: restrict, may: [chat], models: [{model}], flag: [f{n}]",
    'who: {{ids: ["*"], attributes: {{department: [d{n}]}}}}, may: [chat], models: ["*"], flag: [f{n}]',
)


def others(count: int) -> str:
    """As many policies as lines, none of which speaks of the benchmark's caller."""
    lines = (
        _OTHERS[number % len(_OTHERS)].format(
            n=number, few=number % 9 + 1, model=payload.MODELS[number % len(payload.MODELS)]
        )
        for number in range(count)
    )
    return "".join(f"  - {{name: policy {number}, {line}}}\n" for number, line in enumerate(lines))


class TenPolicies(Guardhouse):
    name = "guardhouse-10-policies"
    label = "Guardhouse, 10 policies, 100,000 keys"
    policies = 10

    def configure(self, upstream: int, work: Path) -> tuple[int, Path]:
        port, configuration = super().configure(upstream, work)
        own, networks = _OWN.split("networks:")
        text = configuration.read_text() + own + others(self.policies - 3) + "networks:" + networks
        configuration.write_text(text)
        return port, configuration

    def prepare(self, state: Path) -> None:
        store = Store(State(state).store)
        try:
            keys.fill(store, KEYS, after=store.version())
        finally:
            store.close()


class HundredPolicies(TenPolicies):
    name = "guardhouse-100-policies"
    label = "Guardhouse, 100 policies, 100,000 keys"
    policies = 100


class ThousandPolicies(TenPolicies):
    name = "guardhouse-1000-policies"
    label = "Guardhouse, 1,000 policies, 100,000 keys"
    policies = 1000
