import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.settings import UserLabel
from guardhouse.readers.rows import Series, user_label
from guardhouse.readers.series import DURATIONS, OTHER, RATIOS, Histogram, Pair, SeriesTable, User

_names = st.text(min_size=1, max_size=3)


def exported(table: SeriesTable) -> int:
    """The time series that the rows beside "other" are exported as, at most."""
    histograms = len(DURATIONS) + 3 + len(RATIOS) + 3
    users = sum(histograms + 1 for user in table.users.values() if user.label != OTHER)
    rest = [pair for pair in table.pairs if (pair.user, pair.model) != (OTHER, OTHER)]
    costs = sum((cost.user, cost.model, cost.policy) != (OTHER, OTHER, OTHER) for cost in table.costs)
    return users + costs + sum(3 + len(pair.finishes) + len(pair.violations) for pair in rest)


@given(st.integers(0, 200), st.lists(st.tuples(_names, _names, _names, _names), max_size=60))
def test_the_ceiling_is_never_passed_and_nothing_goes_uncounted(
    ceiling: int, records: list[tuple[str, str, str, str]]
) -> None:
    table = SeriesTable(ceiling)
    series = Series(UserLabel(), table)
    for principal, model, finish, category in records:
        _, pair = series.rows(principal, model)
        series.count_finish(pair, finish)
        series.count_violation(pair, category)
        series.count_cost(pair, (finish, category), "EUR", 7)
    assert exported(table) <= table.used <= ceiling
    assert sum(sum(pair.finishes.values()) for pair in table.pairs) == len(records)
    assert sum(sum(pair.violations.values()) for pair in table.pairs) == len(records)
    assert sum(cost.amount for cost in table.costs) == 7 * len(records)


def test_money_is_counted_by_all_the_policies_that_allowed_it_and_for_each_currency() -> None:
    table = SeriesTable(10_000)
    series = Series(UserLabel(), table)
    _, pair = series.rows("alice", "small")
    for policies, currency in ((("a",), "EUR"), (("a", "b"), "EUR"), (("a",), "USD"), (("a",), "EUR")):
        series.count_cost(pair, policies, currency, 5)
    found = {(cost.user, cost.model, cost.policy, cost.currency): cost.amount for cost in table.costs}
    assert found == {
        ("alice", "small", "a", "EUR"): 10,
        ("alice", "small", "a:b", "EUR"): 5,
        ("alice", "small", "a", "USD"): 5,
    }


def test_users_beyond_the_ceiling_are_counted_as_other_and_the_folding_is_counted() -> None:
    table = SeriesTable(40)
    series = Series(UserLabel(), table)
    assert [series.rows(name, "small")[1].user for name in ("alice", "bob", "alice", "bob")] == [
        "alice",
        OTHER,
        "alice",
        OTHER,
    ]
    assert (table.folded, sorted(table.users)) == (2, ["alice", OTHER])


def test_a_finish_reason_that_no_api_documents_makes_no_series() -> None:
    table = SeriesTable(10_000)
    series = Series(UserLabel(), table)
    _, pair = series.rows("alice", "small")
    for n in range(1000):
        series.count_finish(pair, f"junk-{n}")
    assert pair.finishes == {OTHER: 1000}


def test_a_table_is_gone_on_with() -> None:
    table = SeriesTable(10_000)
    Series(UserLabel(), table).rows("alice", "small")[1].high_risk += 1
    used = table.used
    _, pair = Series(UserLabel(), table).rows("alice", "small")
    assert (pair.high_risk, table.used) == (1, used)


def test_the_user_label_follows_its_policy() -> None:
    assert user_label(UserLabel("id"), "alice") == "alice"
    assert user_label(UserLabel("none"), "alice") == ""
    assert user_label(UserLabel("bucket", 8), "") == ""
    assert {user_label(UserLabel("bucket", 8), f"user-{n}") for n in range(500)} == {f"bucket-{n}" for n in range(8)}


def test_a_bucket_is_the_same_in_every_process() -> None:
    source = (
        "from guardhouse.policy.settings import UserLabel; from guardhouse.readers.rows import user_label;"
        "print(user_label(UserLabel('bucket', 1000), 'alice'))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == user_label(UserLabel("bucket", 1000), "alice")


def test_users_of_one_bucket_share_their_rows() -> None:
    series = Series(UserLabel("bucket", 1), SeriesTable(10_000))
    assert series.rows("alice", "small")[1] is series.rows("bob", "small")[1]


@given(st.lists(st.floats(0, 1000)))
def test_a_histogram_counts_each_value_in_the_first_bucket_that_holds_it(values: list[float]) -> None:
    histogram = Histogram([0] * (len(DURATIONS) + 1))
    for value in values:
        histogram.observe(DURATIONS, value)
    for index, bound in enumerate(DURATIONS):
        assert sum(histogram.counts[: index + 1]) == sum(value <= bound for value in values)
    assert sum(histogram.counts) == len(values)


def test_rows_are_plain_state() -> None:
    assert User.__struct_fields__ == ("label", "durations", "ratios", "rate_limit_hits")
    assert Pair("alice", "small") == Pair("alice", "small", {}, {}, 0, 0, 0)
