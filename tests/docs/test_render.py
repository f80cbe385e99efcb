"""The program that generates docs/api/ from the contract."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2 as pb

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def render():
    spec = importlib.util.spec_from_file_location("render_api_docs", ROOT / "docs/api/render.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def contract() -> pb.FileDescriptorSet:
    file = pb.FileDescriptorProto(name="shop/v1/shop.proto", package="shop.v1")
    message = file.message_type.add(name="BuyRequest")
    message.field.add(name="count", number=1, type=pb.FieldDescriptorProto.TYPE_INT32, label=1)
    message.field.add(name="kind", number=2, type=pb.FieldDescriptorProto.TYPE_ENUM, type_name=".shop.v1.Kind", label=3)
    file.message_type.add(name="BuyResponse")
    file.enum_type.add(name="Kind").value.add(name="KIND_UNSPECIFIED", number=0)
    service = file.service.add(name="Shop")
    service.method.add(
        name="Buy", input_type=".shop.v1.BuyRequest", output_type=".shop.v1.BuyResponse", server_streaming=True
    )
    for path, comment in (
        ([2], " A shop.\n"),
        ([6, 0, 2, 0], " Buys. Costs money.\n\n Twice | thrice.\n"),
        ([4, 0, 2, 0], " Required. How many,\n at most 9.\n"),
    ):
        file.source_code_info.location.add(path=path, leading_comments=comment)
    google = pb.FileDescriptorProto(name="google/protobuf/any.proto", package="google.protobuf")
    return pb.FileDescriptorSet(file=[google, file])


def test_page_shows_methods_fields_and_comments(render, tmp_path):
    (tmp_path / "contract").write_bytes(contract().SerializeToString())
    out = tmp_path / "api"
    out.mkdir()
    (out / "gone.v1.md").write_text("of a package that is gone")
    render.main(tmp_path / "contract", out)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "shop.v1.md"]
    page = (out / "shop.v1.md").read_text()
    assert "`rpc Buy(BuyRequest) returns (stream BuyResponse)`\n\nBuys. Costs money.\n\nTwice | thrice." in page
    assert "| `count` = 1 | int32 | Required. How many, at most 9. |" in page
    assert "| `kind` = 2 | repeated [Kind](#kind) |  |" in page
    assert "| [Buy](shop.v1.md#buy) | Buys. |" in (out / "README.md").read_text()


def test_nested_types_are_refused(render):
    nested = contract()
    nested.file[1].message_type[0].nested_type.add(name="Inner")
    with pytest.raises(ValueError, match="BuyRequest has nested types"):
        render.read_packages(nested)


def test_pages_have_each_field_and_method_of_the_contract():
    pages = "".join(path.read_text() for path in sorted((ROOT / "docs/api").glob("*.md")))
    for proto in sorted((ROOT / "protos").rglob("*.proto")):
        text = re.sub(r"//.*", "", proto.read_text())
        for method in re.findall(r"\brpc (\w+)\(", text):
            assert f"### {method}\n" in pages
        for name, number in re.findall(r"^\s+(?:[\w.<>, ]+ )?([a-z][a-z0-9_]*) = (\d+);", text, re.MULTILINE):
            assert f"`{name}` = {number} " in pages, (proto.name, name)
        for value, number in re.findall(r"^\s+([A-Z][A-Z0-9_]*) = (\d+);", text, re.MULTILINE):
            assert f"| `{value}` | {number} |" in pages
