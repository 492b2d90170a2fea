import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.head import Head
from guardhouse.wire.http1.rules import SINGLETONS, collect_headers, judge_fields, judge_head

HOST = (b"Host", b"gateway.example:8080")


def judge(
    *headers: tuple[bytes, bytes],
    target: bytes = b"/v1/chat/completions",
    version: str = "1.1",
    length: bytes | None = None,
) -> Head | Denial:
    fields = judge_fields(headers, version)
    return fields if isinstance(fields, Denial) else judge_head("POST", target, fields, length, keep_alive=True)


def reason(verdict: Head | Denial) -> Reason:
    assert isinstance(verdict, Denial)
    return verdict.reason


def test_a_plain_head_is_read_once_and_in_lower_case() -> None:
    head = judge(HOST, (b"X-API-Key", b"k"), target=b"/v1/models?a=b", length=b"12")
    assert isinstance(head, Head)
    assert (head.path, head.query, head.content_length) == (b"/v1/models", b"a=b", 12)
    assert head.headers[b"x-api-key"] == b"k"


def test_a_chunked_head_has_no_stated_length() -> None:
    head = judge(HOST, (b"Transfer-Encoding", b"Chunked"))
    assert isinstance(head, Head)
    assert head.content_length == -1


@pytest.mark.parametrize("name", sorted(SINGLETONS))
def test_a_header_that_carries_a_decision_appears_once(name: bytes) -> None:
    headers = collect_headers([HOST, (name, b"a"), (name.upper(), b"a"), (b"x", b"y")])
    assert isinstance(headers, Denial)
    assert headers.reason is Reason.HEADER_INVALID


def test_other_repeated_headers_are_joined_in_order() -> None:
    assert collect_headers([(b"Accept", b"a"), (b"accept", b"b")]) == {b"accept": b"a, b"}


@pytest.mark.parametrize(
    "name", [b"Content_Length", b"TRANSFER_ENCODING", b"X_Api_Key", b"x-api_key", b"Api_Key", b"Content_Type"]
)
def test_an_imitation_with_underscores_is_refused(name: bytes) -> None:
    assert reason(judge(HOST, (name, b"x"))) is Reason.HEADER_INVALID


@pytest.mark.parametrize(
    "target",
    [b"*", b"http://a/b", b"a:1", b"", b"/a b", b"/a#b", b"/a\\b", b"/a\x7f", b"/a\x00", "/ü".encode("latin-1")],
)
def test_only_an_origin_form_target_of_visible_ascii_passes(target: bytes) -> None:
    assert reason(judge(HOST, target=target)) is Reason.TARGET_INVALID


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0", ""])
def test_only_two_versions_are_spoken(version: str) -> None:
    assert reason(judge(HOST, version=version)) is Reason.VERSION_UNSUPPORTED


@pytest.mark.parametrize("port", [0, 1, 80, 9999, 10000, 59999, 60000, 64999, 65000, 65499, 65500, 65529, 65530, 65535])
def test_a_port_of_sixteen_bits_passes(port: int) -> None:
    for host in (b"a:%d", b"[::1]:%d", b"a:%05d"):
        assert isinstance(judge((b"host", host % port)), Head)


@given(st.one_of(st.integers(65_536, 99_999), st.integers(0, 99_999)))
def test_a_port_is_judged_by_its_value(port: int) -> None:
    assert isinstance(judge((b"host", b"a:%d" % port)), Head) is (port < 65_536)


@pytest.mark.parametrize("host", [b"a", b"a.b-c_d:1", b"[::1]:8080", b"127.0.0.1", b"A.EXAMPLE"])
def test_a_well_formed_host_passes(host: bytes) -> None:
    assert isinstance(judge((b"host", host)), Head)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a/b",
        b"a@b",
        b"a?b",
        b"a#b",
        b"a,b",
        b"a:b",
        b"a:",
        b"a:123456",
        b"a:65536",
        b"a:65540",
        b"a:65600",
        b"a:66000",
        b"a:70000",
        b"a:99999",
        b"[::1]:65536",
        b"a:080000",
        b"[::1",
        b"-a",
        b"a\tb",
        b"a:1:2",
    ],
)
def test_a_malformed_host_is_refused(host: bytes) -> None:
    assert reason(judge((b"host", host))) is Reason.HOST_INVALID


def test_a_host_is_required_but_for_http_1_0() -> None:
    assert reason(judge()) is Reason.HOST_INVALID
    assert isinstance(judge(version="1.0"), Head)


@pytest.mark.parametrize(
    ("coding", "length", "version"),
    [
        (b"gzip, chunked", None, "1.1"),
        (b"identity", None, "1.1"),
        (b"chunked", None, "1.0"),
        (b"chunked", b"3", "1.1"),
        (None, b"-1", "1.1"),
        (None, b"1_0", "1.1"),
        (None, "\u0661".encode(), "1.1"),
        (None, b"9" * 19, "1.1"),
        (None, b"", "1.1"),
    ],
)
def test_a_length_that_is_not_stated_in_one_valid_way_is_refused(
    coding: bytes | None, length: bytes | None, version: str
) -> None:
    headers = [] if coding is None else [(b"transfer-encoding", coding)]
    assert reason(judge(HOST, *headers, version=version, length=length)) is Reason.FRAMING_INVALID


@pytest.mark.parametrize("name", [b"Upgrade", b"HTTP2-Settings", b"Sec-WebSocket-Key"])
def test_an_upgrade_is_refused(name: bytes) -> None:
    assert reason(judge(HOST, (name, b"x"))) is Reason.UPGRADE_UNSUPPORTED


def test_only_continue_may_be_expected() -> None:
    head = judge(HOST, (b"expect", b"100-Continue"))
    assert isinstance(head, Head)
    assert head.expects_continue
    assert reason(judge(HOST, (b"expect", b"200-ok"))) is Reason.EXPECTATION_UNSUPPORTED
    assert reason(judge(HOST, (b"expect", b"100-continue"), version="1.0")) is Reason.EXPECTATION_UNSUPPORTED
