"""The six invariants of the attack suite, each a function that returns what it found broken.

  I1  each request the model server saw has exactly one opened and one closed record in the journal
  I2  the model server saw no more requests than the gateway accepted
  I3  no byte of a message that was refused reaches the model server
  I4  the connection to the client ends after any framing error
  I5  a canary sent over the same upstream connections gets its own answer
  I6  bad input causes no 5xx; the workers live on, and their memory stays flat

Statuses alone prove nothing: a gateway that answers 400 and forwards all the same fails I3, one that answers 200 to
the wrong client fails I5.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from attack.tape import Seen, Tape
from attack.vectors import Vector
from integration.raw_http import Conversation

Records = list[dict[str, Any]]


def recorded_once(seen: Iterable[Seen], records: Records) -> list[str]:
    """I1, by number: what arrived upstream was opened, each once; what did not arrive was closed as given up."""
    arrived = len(list(seen))
    given_up = sum(record.get("outcome") in ("cancelled", "aborted") for record in records)
    opened = Counter(record["id"] for record in records if record["kind"] == "opened")
    closed = Counter(record["id"] for record in records if record["kind"] == "closed")
    if not arrived <= opened.total() <= arrived + given_up:
        broken = [f"I1: {arrived} requests upstream, {opened.total()} opened, {given_up} given up"]
    else:
        broken = []
    broken += [f"I1: {number} x opened {each}" for each, number in opened.items() if number != 1]
    broken += [f"I1: {number} x closed {each}" for each, number in closed.items() if number != 1]
    return broken + [f"I1: never closed {each}" for each in opened.keys() - closed.keys()]


def answers_recorded(identifiers: Iterable[str], records: Records) -> list[str]:
    """I1, by identity: every answer a client got names a request id, and the journal closed that id once."""
    closed = Counter(record["id"] for record in records if record["kind"] == "closed")
    wanted = list(identifiers)
    broken = [f"I1: answer {each} has {closed[each]} closed records" for each in wanted if closed[each] != 1]
    twice = [each for each, number in Counter(wanted).items() if number > 1]
    return broken + [f"I1: request id {each} was given to two answers" for each in twice]


def accepted_only(tape: Tape, accepted: int) -> list[str]:
    """I2; `accepted` counts the 200 answers and the clients that left before theirs."""
    return [f"I2: {len(tape.seen)} requests upstream, {accepted} accepted"] if len(tape.seen) > accepted else []


def nothing_forwarded(tape: Tape, vector: Vector, marker: str, held: Conversation) -> list[str]:
    """I3: a marker that was refused is nowhere; the marker of a hidden request is nowhere in any case.

    Requests in a pipeline share a marker, so that it counts as refused only when all of them were.
    """
    broken = [f"I3: {marker}-smuggled reached the model server"] if tape.holds(f"{marker}-smuggled") else []
    refused = len(held.answers) >= vector.answers and all(answer.status != 200 for answer in held.answers)
    if refused and tape.holds(marker):
        broken.append(f"I3: {marker} was refused with {held.final.status} and reached the model server")
    return broken


def closed_after_error(vector: Vector, held: Conversation) -> list[str]:
    """I4."""
    return (
        [f"I4: still open after {[a.status for a in held.answers]}"] if vector.closes and held.ended == "open" else []
    )


def own_answer(marker: str, held: Conversation) -> list[str]:
    """I5."""
    if not held.answers:
        return [f"I5: the canary {marker} got no answer"]
    answer = held.final
    if answer.status == 200 and answer.document["choices"][0]["message"]["content"] == marker:
        return []
    return [f"I5: the canary {marker} got {answer.status} {answer.body[:200]!r}"]


def no_server_error(held: Conversation) -> list[str]:
    """I6, per conversation."""
    return [f"I6: {answer.status} {answer.code}" for answer in held.answers if answer.status >= 500]


def flat(before_kib: int, after_kib: int, allowed_kib: int) -> list[str]:
    """I6, over a run."""
    grown = after_kib - before_kib
    return [f"I6: the workers grew by {grown} KiB"] if grown > allowed_kib else []
