from guardhouse.model.grounds import OF_RULES, UNREACHED


def test_what_is_against_the_rules_is_the_caller_s_doing_and_stays_refused() -> None:
    assert {(reason.fault, reason.retry) for reason in OF_RULES} == {("caller", False)}


def test_what_never_reached_a_model_server_may_be_tried_again() -> None:
    assert {(reason.fault, reason.retry) for reason in UNREACHED} == {("upstream", True)}
