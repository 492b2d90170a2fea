"""Texts made of what entities are made of: whole ones, broken ones, what stands around them, and noise."""

from itertools import pairwise

from hypothesis import strategies as st

from guardhouse.model.entity import ENTITY_BITS, EVERY_ENTITY, Entity

WHOLE = (
    "alice@example.com", "bob.smith+tag@mail.example.co.uk", "a@b.co", "x_y%z@xn--bcher-kva.example",
    "4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "3782 822463 10005", "4222222222222",
    "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB29-NWBK-6016-1331-9268-19", "BE68 5390 0754 7034",
    "123-45-6789", "123 45 6789",
    "+14155552671", "+1 415 555 2671", "+44 (0)20 7946 0958", "(415) 555-2671", "415.555.2671", "020 7946 0958",
    "06 12 34 56 78", "0044 20 7946 0958", "(96) 627-277",
    "10.20.30.40", "255.255.255.255", "2001:db8::1", "fe80::1ff:fe23:4567:890a",
    "2001:db8::192.0.2.33", "1:2:3:4:5:6:7:8",
    "sk-abcdefghijklmnopqrstuvwx", "sk-ant-api03-abcdefghijklmnopqrstuv",
    "AKIAIOSFODNN7EXAMPLE", "hf_" + "aBcDeFgHiJkLmNoPq" * 2,
    "ghp_" + "a1B2" * 9, "gh_abcdefghij12_" + "Ab1" * 14 + "x",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "xoxb-123456789012-abcdefghijkl",
    "AIza" + "Sy0-_" * 7, "sk_live_abcdefghijklmnop", "dapi" + "0123456789abcdef" * 2,
    "hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQ\\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----abc-----END PGP PRIVATE KEY BLOCK-----",
)  # fmt: skip

BROKEN = (
    "-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN ", "-----END RSA PRIVATE KEY-----", "--", "-----", "-----B",
    "sk-", "sk", "gh", "AK", "eyJ", "hf_", "Q", "alice@", "@example.com", "4111 1111", "4111", "DE89", "DE89 3704",
    "+1", "+", "(415", "415)", "020 ", "123-45", "10.20.", "2001:", "::", "1", "12", "0", "00",
    "[EMAIL]", "[CARD", "xoxb-", "glpat-", "_", "-", ".", ":", "/", "=", "(", ")", "%",
)  # fmt: skip

AROUND = (
    " ", "  ", "\n", "\t", ",", ", ", ". ", "; ", '"', "'", "<", ">", "{", "}", "[", "]", "\\", "\\n",
    "\\\\", '\\"', "\\u0040", "\\t", "\\r", "\\b", "\\f", "\\\\n", "\\u003e", "\\u002B", "\\u002d", "\\\\u0026",
    "\\u00e9", "\\u00", "\\u", "\\/", "n", "t", "u", "\x00", "é", "e\u0301", "漢", "😀", "\u200b", "٣", "\ud800",
    "a", "Z", "word", " word", "I am", "14155552671",
    "[1, 2.5e3, -12345678]", "1234567", "-9876543.25,", "7" * 66, "true", "null",
    "THE BIG", " A1 B2", "x" * 20,
)  # fmt: skip

texts = st.lists(
    st.one_of(
        st.sampled_from(WHOLE),
        st.sampled_from(BROKEN),
        st.sampled_from(AROUND),
        st.sampled_from(AROUND),
        st.text(alphabet="0123456789 -.()+:aA@Bk_\\\\nu", max_size=12),
    ),
    max_size=12,
).map("".join)

wanted_sets = st.one_of(
    st.sampled_from([*Entity, EVERY_ENTITY, Entity.PRIVATE_KEY | Entity.API_KEY, Entity(0)]),
    st.integers(0, ENTITY_BITS).map(Entity),
)


@st.composite
def cut_texts(draw: st.DrawFn, source: st.SearchStrategy[str] = texts) -> tuple[str, list[str]]:
    """A text and the pieces that it arrives in."""
    text = draw(source)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    bounds = [0, *cuts, len(text)]
    return text, [text[start:end] for start, end in pairwise(bounds)]
