from guardhouse.model.operation import DEFERRED, OF_ACCESS, Operation
from guardhouse.policy.reading import Reading
from guardhouse.policy.sections.may import OPERATIONS, operations_of
from guardhouse.policy.source import parse


def read(text: str) -> tuple[object, list[str]]:
    reading = Reading("f")
    return OPERATIONS.read(parse(text.encode(), "f").root, ("may",), reading), [str(one) for one in reading.problems]


def test_a_word_for_a_kind_stands_for_its_operations() -> None:
    assert read("[infer]")[0] == (
        Operation.CHAT,
        Operation.COMPLETIONS,
        Operation.RESPONSES,
        Operation.EMBEDDINGS,
        Operation.MODERATIONS,
        Operation.PREDICT,
    )
    assert read("[read, keys.read]")[0] == (Operation.MODELS_READ, Operation.KEYS_READ)


def test_the_kinds_share_nothing_and_leave_out_what_has_to_be_named() -> None:
    every, problems = read("[infer, read, administer]")
    assert every == tuple(operation for operation in Operation if operation not in DEFERRED)
    assert problems == []
    assert read("[infer, files, batches]") == ((*OF_ACCESS["infer"], *DEFERRED), [])


def test_only_what_allows_has_to_name_files_and_batches() -> None:
    every = OF_ACCESS["infer"]
    assert operations_of(every, "allow") == set(every)
    assert operations_of(every, "deny") == operations_of(every, "restrict") == {*every, *DEFERRED}
    assert operations_of(every[1:], "deny") == set(every[1:])
    assert operations_of((*every, Operation.FILES), "allow") == {*every, Operation.FILES}


def test_an_operation_beside_its_kind_is_told() -> None:
    assert read("[infer, chat]")[1] == ["f:1: may[1]: is in the list already"]
    assert read("[chat, chat]")[1] == ["f:1: may[1]: is in the list already"]


def test_what_is_no_list_of_operations_is_told() -> None:
    assert read("chat")[1] == ["f:1: may: must be a list, not text"]
    assert read("[]")[1] == ["f:1: may: must name at least one"]
    assert read("[chatt]")[1] == ['f:1: may[0]: unknown operation "chatt"; did you mean "chat"?']
