import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.wire.signatures.fields import InnerList, Item, Token, read_dictionary, write_list

keys = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,5}", fullmatch=True)
bares = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.booleans(),
    st.binary(max_size=8),
    st.text(alphabet=string.printable[:95], max_size=8),
    st.from_regex(r"[A-Za-z*][A-Za-z0-9:/*.-]{0,5}", fullmatch=True).map(Token),
)
parameters = st.dictionaries(keys, bares, max_size=3).map(lambda found: tuple(found.items()))
items = st.builds(Item, bares, parameters)
lists = st.builds(InnerList, st.lists(items, max_size=4).map(tuple), parameters)


@given(st.dictionaries(keys, lists, max_size=3))
def test_what_is_written_is_read_as_it_was(members: dict[str, InnerList]) -> None:
    field = ", ".join(f"{key}={write_list(member)}" for key, member in members.items())
    assert read_dictionary(field.encode()) == members


@given(st.text(alphabet=' ()";=,:?*ab1-\\/\t', max_size=24))
def test_what_is_read_has_one_reading(text: str) -> None:
    read = read_dictionary(text.encode())
    if read and all(isinstance(member, InnerList) for member in read.values()):
        written = ", ".join(
            f"{key}={write_list(member)}" for key, member in read.items() if isinstance(member, InnerList)
        )
        assert read_dictionary(written.encode()) == read


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_not(field: bytes) -> None:
    read_dictionary(field)


@pytest.mark.parametrize(
    "field",
    [
        b"a=(",
        b'a=("x"',
        b'a=("x""y")',
        b"a=1,",
        b"a=1,,b=2",
        b"a=1 b=2",
        b"a=1, a=2",
        b'a=("x");b=1;b=2',
        b"A=1",
        b"a=1.5",
        b"a=1234567890123456",
        b"a=:AB:",
        b"a=:AB==C:",
        b"a=:QQ=:",
        b"a=:QR==:",
        b'a="x',
        b'a="\\x"',
        b'a="\xc3\xa9"',
        b'a="\x07"',
        b"a=?2",
        b"a=@1",
        b"=1",
        b"a==1",
        b"a=(b;)",
        b"a=" + b"1" * 9000,
        b", ".join(b"a%d=1" % number for number in range(40)),
    ],
)
def test_what_another_reader_could_take_otherwise_is_not_read(field: bytes) -> None:
    assert read_dictionary(field) is None


def test_forms_of_the_standard_are_read() -> None:
    read = read_dictionary(b'sig1=("@method" "x";sf;key="a\\"b");created=1;keyid="k";f, b, c=tok:/*;q=?0')
    assert read == {
        "sig1": InnerList(
            (Item("@method"), Item("x", (("sf", True), ("key", 'a"b')))), (("created", 1), ("keyid", "k"), ("f", True))
        ),
        "b": Item(True),
        "c": Item(Token("tok:/*"), (("q", False),)),
    }
