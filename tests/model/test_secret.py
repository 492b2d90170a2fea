import pickle

import pytest

from guardhouse.model.secret import Secret

VALUE = "correct horse battery staple"


def test_a_secret_is_told_only_to_who_asks() -> None:
    secret = Secret(VALUE)
    assert secret.reveal() == VALUE
    by_percent = "%s" % (secret,)  # noqa: UP031 - one of the ways out
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>10}", f"{[secret]}", by_percent):
        assert VALUE not in shown


def test_a_secret_is_not_written_out() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))


def test_secrets_are_compared_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
