from guardhouse.inspect.entities import rules_for
from guardhouse.inspect.rewriting import rewrite, without_key_blocks
from guardhouse.model.entity import EVERY_ENTITY, Entity


def test_rules_are_applied_in_their_order_to_what_is_left() -> None:
    counts: dict[str, int] = {}
    text = "4111 1111 1111 1111@example.com, 10.0.0.1 and 10.0.0.2"
    assert rewrite(text, rules_for(EVERY_ENTITY), counts) == "[CARD]@example.com, [IP] and [IP]"
    assert counts == {"card": 1, "ip": 2}


def test_no_rule_leaves_the_text_alone() -> None:
    assert rewrite("bob@example.com", rules_for(Entity(0)), {}) == "bob@example.com"


def test_key_blocks_stay_unless_wanted() -> None:
    block = "-----BEGIN PRIVATE KEY-----x"
    counts: dict[str, int] = {}
    assert without_key_blocks(block, Entity.EMAIL, counts) == block
    assert without_key_blocks(block, Entity.PRIVATE_KEY, counts) == "[PRIVATE_KEY]"
    assert counts == {"private_key": 1}
