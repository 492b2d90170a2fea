"""Guardhouse as a large company has it: 100,000 keys, many rules, and callers who identify themselves with a token.

The same gateway with every control as `guardhouse`, but the store holds 100,000 keys, and the caller's credential is a
signed token, exchanged for its key at the admin port as its users do it. The rows differ by nothing but the number of
rules: three speak of the caller (what allows it, one that denies from a network that it is not in, one that masks more
by a condition), the others speak of other groups, as most rules of a company do. What a rule costs those whom it does
not concern is the difference between the rows.
"""

import json
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from bench.contenders.base import Running, UnavailableError, run
from bench.contenders.guardhouse import Guardhouse
from bench.interpreter import chosen
from bench.process import Process, StartError

KEYS = 100_000
PATIENCE = 60.0

OWN_RULES = """\
networks: {home: [127.0.0.0/8], away: [192.0.2.0/24]}
policies:
  - name: the benchmark may chat
    who: {ids: [bench]}
    may: [chat]
    models: [bench-*]
    limits: {requests: 100000000/s, tokens: 100000000/s}
    mask: {entities: [all], where: [request, response]}
  - name: nobody from away
    effect: deny
    who: {ids: ["*"]}
    may: [chat]
    models: ["*"]
    when: {network: [away]}
  - name: risky prompts are masked
    effect: restrict
    who: {ids: ["*"]}
    may: [chat]
    models: ["*"]
    when: {risk: {at_least: 7}}
    mask: {entities: [all], where: [request]}
"""
OTHER_RULE = """\
  - name: team {number} may chat
    who: {{groups: [team-{number}]}}
    may: [chat, embeddings, models.read]
    models: [{model}]
    limits: {{requests: {rate}/min, tokens: {rate}k/day}}
"""
FILL = """\
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :keys)
INSERT INTO api_keys ({columns}) SELECT {values} FROM numbers, (SELECT * FROM api_keys LIMIT 1) AS template
"""
OWN = {
    "id": "printf('fill%08d', n)",
    "digest": "randomblob(32)",
    "principal": "'filler-' || n",
    "sequence": "template.sequence + n",
}


class AtScale(Guardhouse):
    rules = 10
    whole_answers_only = True

    def configure(self, upstream: int, work: Path) -> tuple[int, Path]:
        port, configuration = super().configure(upstream, work)
        common = configuration.read_text().partition("policies:")[0]
        models = ("bench-*", "bench-answer", "bench-paced")
        others = (
            OTHER_RULE.format(number=number, model=models[number % 3], rate=10 + number % 50)
            for number in range(self.rules - OWN_RULES.count("- name"))
        )
        configuration.write_text(common + OWN_RULES + "".join(others))
        return port, configuration

    def start(self, upstream: int, work: Path) -> Running:
        port, configuration = self.configure(upstream, work)
        command = chosen().command("-m", "guardhouse")
        try:
            made = run([*command, "keys", "create", "bench", "--json"], 60, work, self.environment)
        except UnavailableError as error:
            raise StartError(f"guardhouse keys create: {error}") from error
        fill(work / "state" / "store.sqlite")
        process = Process([*command, "serve"], work, self.environment)
        admin = configuration.read_text().partition('admin: {address: "')[2].partition('"')[0]
        token = exchanged(admin, json.loads(made)["key"], process)
        return Running(port, (("Authorization", f"Bearer {token}"),), process)


def fill(store: Path) -> None:
    """Keys that nobody holds, copied from the one that there is."""
    with sqlite3.connect(store) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(api_keys)")]
        values = ", ".join(OWN.get(column, f'template."{column}"') for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        connection.execute(FILL.format(columns=names, values=values), {"keys": KEYS})
    connection.close()


def exchanged(admin: str, key: str, process: Process) -> str:
    """A token for the key, as soon as the admin port answers."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": key,
        "subject_token_type": "urn:guardhouse:token-type:api-key",
        "lifetime": "3600",
    }
    request = urllib.request.Request(f"http://{admin}/api/v1/token", urllib.parse.urlencode(form).encode())
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return str(json.load(answer)["access_token"])
        except urllib.error.HTTPError as error:
            raise StartError(f"no token: {error.status} {error.read(200)!r}") from error
        except OSError as error:
            process.check()
            if time.monotonic() > end:
                raise StartError(f"no token: {error}") from error
            time.sleep(0.1)


class TenRules(AtScale):
    name = "guardhouse-rules-10"
    label = "Guardhouse, token, 10 rules, 100,000 keys"


class HundredRules(AtScale):
    name = "guardhouse-rules-100"
    label = "Guardhouse, token, 100 rules, 100,000 keys"
    rules = 100


class ThousandRules(AtScale):
    name = "guardhouse-rules-1000"
    label = "Guardhouse, token, 1,000 rules, 100,000 keys"
    rules = 1000
