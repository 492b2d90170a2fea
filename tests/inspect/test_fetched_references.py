from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.references import Found, entry_for, fault_in, find, media_of

HOSTS = ("cdn.example.com", ".images.example.org", "odd.example.com:8443")
PNG = "data:image/png;base64,AAAA"


def url(value: str) -> Found:
    return Found(("image_url",), value, "", url=True)


def part(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [fields]}]}


@pytest.mark.parametrize(
    "value",
    [
        "https://cdn.example.com/a.png",
        "https://cdn.example.com",
        "https://cdn.example.com:443/a?b=c#d",
        "https://a.images.example.org/x",
        "https://b.a.images.example.org/x@y",
        "https://odd.example.com:8443/",
        PNG,
        "data:application/pdf;name=a.pdf;base64,AAAA",
    ],
)
def test_what_is_brought_along_or_allowed_may_be_fetched(value: str) -> None:
    assert fault_in(url(value), HOSTS) is None


@pytest.mark.parametrize(
    "value",
    [
        "http://cdn.example.com/a.png",
        "HTTPS://cdn.example.com/",
        "https://evil.example/",
        "https://cdn.example.com.evil.example/",
        "https://evilcdn.example.com/",
        "https://images.example.org/",  # a host itself is not below itself
        "https://evilimages.example.org/",
        "https://cdn.example.com:8443/",
        "https://odd.example.com/",
        "https://cdn.example.com@evil.example/",
        "https://user:pw@cdn.example.com/",
        "https://evil.example#@cdn.example.com/",
        "https://evil.example\\@cdn.example.com/",
        "https://cdn.example.com\\.evil.example/",
        "https://cdn.example.com\\/a",
        "https://cdn.example.com./a",
        "https://CDN.example.com/",
        "https://cdn%2eexample.com/",
        "https://cdn。example.com/",
        "https://\uff43dn.example.com/",
        "https:/cdn.example.com/",
        "https:cdn.example.com/",
        "https:///cdn.example.com/",
        "//cdn.example.com/",
        " https://cdn.example.com/",
        "https://cdn.example.com/ ",
        "https://cdn.example.com/\n",
        "https://cdn.exam\tple.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://1.2.3.4.images.example.org:443:80/",
        "https://0x7f.images.example.org\x00/",
        "https://localhost/",
        "https:// cdn.example.com/",
        "file:///etc/passwd",
        "ftp://cdn.example.com/",
        "gopher://cdn.example.com/",
        "data:,AAAA",
        "data:text/html,<x>",
        "data:image/png,AAAA",
        " data:image/png;base64,AAAA",
        "data:image/png;base64 ,AAAA",
        "javascript:alert(1)",
        "cdn.example.com/a.png",
    ],
)
def test_whatever_could_be_read_in_another_way_is_not_fetched(value: str) -> None:
    assert fault_in(url(value), HOSTS) is not None


@given(st.text(max_size=40))
def test_nothing_but_data_may_be_fetched_by_default(text: str) -> None:
    for value in (text, f"https://{text}", f"https://cdn.example.com{text}"):
        assert fault_in(url(value), ()) is not None


@given(st.text(alphabet="abz019.-_:/@\\#?%[]x\t ", max_size=24))
def test_what_may_be_fetched_leads_to_an_allowed_host_for_a_strict_reader(text: str) -> None:
    for value in (f"https://{text}", f"https://cdn.example.com{text}", f"https://{text}.images.example.org/"):
        if fault_in(url(value), HOSTS) is None:
            authority = value.removeprefix("https://").split("/")[0].split("?")[0].split("#")[0]
            host = authority.removesuffix(":443")
            assert host in HOSTS or host.endswith(".images.example.org"), value
            assert not set("@\\%[] \t") & set(authority)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (part(type="image_url", image_url={"url": "http://a/"}), ("messages", 0, "content", 0, "image_url", "url")),
        (part(type="input_image", image_url="http://a/"), ("messages", 0, "content", 0, "image_url")),
        (part(type="image", source={"type": "url", "url": "x"}), ("messages", 0, "content", 0, "source", "url")),
        (part(type="image", image="http://a/"), ("messages", 0, "content", 0, "image")),
        (part(type="image", image="ht\ntp://a/"), ("messages", 0, "content", 0, "image")),
        (part(type="image", image="\\\\host\\share"), ("messages", 0, "content", 0, "image")),
        (part(fileUri="gs://a/b"), ("messages", 0, "content", 0, "fileUri")),
        (part(Image_URL="http://a/"), ("messages", 0, "content", 0, "Image_URL")),
        ({"tools": [{"type": "mcp", "server_url": "https://a/"}]}, ("tools", 0, "server_url")),
        ({"image_urls": ["https://a/"]}, ("image_urls", 0)),
        ({"images": [["http://a/"]]}, ("images", 0, 0)),
        ({"parameters": {"image_url": "http://a/"}}, ("parameters", "image_url")),
        ({"a": [[{"url": "x"}]]}, ("a", 0, 0, "url")),
    ],
)
def test_a_url_is_found_wherever_it_stands(document: dict[str, Any], place: tuple[str | int, ...]) -> None:
    (found,) = find(document)
    assert (found.place, found.url) == (place, True)


@pytest.mark.parametrize(
    "document",
    [
        part(type="text", text="see https://a.example and data:image/png;base64,AA"),
        {"messages": [{"role": "user", "content": "https://a.example"}]},
        {
            "tools": [
                {"type": "function", "function": {"parameters": {"properties": {"url": {"default": {"url": "x"}}}}}}
            ]
        },
        {"tools": [{"name": "x", "input_schema": {"examples": [{"url": "https://a.example"}]}}]},
        part(type="tool_use", input={"url": "https://a.example"}),
        {"messages": [{"content": [{"type": "url_citation", "url": "https://a.example"}]}]},
        {"metadata": {"callback_url": "https://a.example"}},
        {"format": {"type": "object", "url": "x"}},
        {"documents": ["Note: see there"], "a": []},
    ],
)
def test_text_schemas_arguments_and_quotations_are_no_references(document: dict[str, Any]) -> None:
    assert [found for found in find(document) if found.url] == []


def test_media_and_size_of_what_is_brought_along() -> None:
    assert media_of(url("data:IMAGE/PNG;base64,AAAA")) == ("image/png", 3)
    assert media_of(url("https://cdn.example.com/")) == ("", 0)
    (found,) = find(part(type="image", source={"type": "base64", "media_type": "Image/GIF", "data": "AAAAAAAA"}))
    assert media_of(found) == ("image/gif", 6)


@pytest.mark.parametrize(
    ("form", "media"), [("wav", "audio/wav"), ("mp3", "audio/mpeg"), ("own", "audio/own"), (5, "")]
)
def test_a_recording_says_its_type_as_a_format(form: Any, media: str) -> None:
    (found,) = find(part(type="input_audio", input_audio={"data": "AAAA", "format": form}))
    assert media_of(found) == (media, 3)


def test_the_entry_by_which_a_url_may_be_fetched() -> None:
    hosts = ("cdn.example.com", ".other.example:8443")
    urls = ("https://cdn.example.com:443/a", "https://a.other.example:8443/", "https://a.other.example/", "data:,x")
    assert [entry_for(each, hosts) for each in urls] == [*hosts, "", ""]


@given(
    st.recursive(
        st.text(max_size=5),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    )
)
def test_any_document_is_walked(document: Any) -> None:
    find({"document": document})


def test_what_a_model_computes_with_is_not_fetched_and_what_stands_beside_it_may_be() -> None:
    tensor = {"name": "text", "data": ["https://evil.example/x", ["//evil.example"]], "parameters": {"url": "http://a"}}
    assert [each.place for each in find({"inputs": [tensor]}, "data")] == [("inputs", 0, "parameters", "url")]
    assert len(find({"inputs": [tensor]})) == 3


def test_only_the_elements_of_a_tensor_are_passed_over() -> None:
    nameless: dict[str, Any] = {"": {"image_url": "https://evil.example"}}
    assert [each.place for each in find(nameless)] == [("", "image_url")]
    assert len(find({"messages": [nameless]})) == 1
    parameter = {"parameters": {"data": "https://evil.example"}}
    tensor = {"name": "x", "data": ["https://evil.example"], **parameter}
    assert len(find({**parameter, "inputs": [tensor]}, "data")) == 2


def test_a_plain_message_has_nothing_to_be_fetched_and_a_third_member_may_have() -> None:
    message = {"role": "user", "content": "https://evil.example/x"}
    assert find({"messages": [message]}) == []
    assert len(find({"messages": [{**message, "image_url": "https://evil.example/x"}]})) == 1
    assert len(find({"messages": [{"content": "x", "image_url": "https://evil.example/x"}]})) == 1
