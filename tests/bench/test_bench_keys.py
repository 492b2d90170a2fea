from bench import keys


def test_every_figure_is_measured_and_told() -> None:
    found = keys.run(2000)
    assert found.keys == 2000
    assert found.worker.load_s > 0
    assert found.few_us > 0
    assert found.many_us > 0
    told = keys.show(found)
    assert "2,000 keys" in told
    assert len(told.splitlines()) == 5


def test_the_records_are_such_as_a_store_holds() -> None:
    first, second = keys.record(0), keys.record(1)
    assert first.id != second.id
    assert first.principal == second.principal  # two keys each
