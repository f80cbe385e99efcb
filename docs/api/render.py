"""Renders the contract as Markdown: `python docs/api/render.py CONTRACT.binpb DIRECTORY`.

The input is the descriptor set that `buf build` writes, with its comments. The output is one page per package and an
index, README.md. `make gen` calls this; `make check-gen` fails where the committed pages differ from the protos.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import descriptor_pb2 as pb

Field = pb.FieldDescriptorProto
Comments = dict[tuple[int, ...], str]

# Numbers of the fields of descriptor.proto, of which the paths in SourceCodeInfo are made.
_FILE_MESSAGES, _FILE_ENUMS, _FILE_SERVICES, _FILE_PACKAGE = 4, 5, 6, 2
_MESSAGE_FIELDS, _MESSAGE_ONEOFS, _ENUM_VALUES, _SERVICE_METHODS = 2, 8, 2, 2

NOTICE = "<!-- Generated from protos/ by `make gen` (docs/api/render.py). Do not edit. -->"


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its comments."""

    proto: pb.DescriptorProto
    path: tuple[int, ...]
    comments: Comments

    @property
    def comment(self) -> str:
        """The comment before the message."""
        return self.comments.get(self.path, "")


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum with its comments."""

    proto: pb.EnumDescriptorProto
    path: tuple[int, ...]
    comments: Comments


@dataclass(frozen=True, slots=True)
class Service:
    """A service with its comments."""

    proto: pb.ServiceDescriptorProto
    path: tuple[int, ...]
    comments: Comments

    @property
    def comment(self) -> str:
        """The comment before the service."""
        return self.comments.get(self.path, "")

    def method_comment(self, index: int) -> str:
        """Returns the comment before a method."""
        return self.comments.get((*self.path, _SERVICE_METHODS, index), "")


@dataclass(slots=True)
class Package:
    """Everything that one package declares, in the order of the files and of their lines.

    Attributes:
        name: The full name, such as afterimage.audit.v1.
        comment: The comment before the `package` line of the first file that has one.
    """

    name: str
    comment: str = ""
    files: list[str] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    enums: dict[str, Enum] = field(default_factory=dict)

    @property
    def page(self) -> str:
        """Name of the package's page."""
        return f"{self.name}.md"


def main(contract: Path, directory: Path) -> None:
    """Replaces the pages in `directory` by those of the contract."""
    packages = read_packages(pb.FileDescriptorSet.FromString(contract.read_bytes()))
    pages = {package.page: Page(package, packages).text() for package in packages} | {"README.md": index(packages)}
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.md"):
        old.unlink()
    for name, text in pages.items():
        (directory / name).write_text(text)


def read_packages(contract: pb.FileDescriptorSet) -> list[Package]:
    """Returns the packages of the contract by name; those of Google's own types are left out.

    Raises:
        ValueError: A message has nested types other than maps.
    """
    packages: dict[str, Package] = {}
    for file in sorted(contract.file, key=lambda file: file.name):
        if file.package.startswith("google."):
            continue
        package = packages.setdefault(file.package, Package(file.package))
        comments = {
            tuple(place.path): place.leading_comments.strip()
            for place in file.source_code_info.location
            if place.leading_comments
        }
        package.files.append(file.name)
        package.comment = package.comment or comments.get((_FILE_PACKAGE,), "")
        for number, service in enumerate(file.service):
            package.services.append(Service(service, (_FILE_SERVICES, number), comments))
        for number, message in enumerate(file.message_type):
            if message.enum_type or not all(nested.options.map_entry for nested in message.nested_type):
                raise ValueError(f"{file.name}: {message.name} has nested types, for which the pages have no place")
            package.messages[message.name] = Message(message, (_FILE_MESSAGES, number), comments)
        for number, enum in enumerate(file.enum_type):
            package.enums[enum.name] = Enum(enum, (_FILE_ENUMS, number), comments)
    return [packages[name] for name in sorted(packages)]


def index(packages: Sequence[Package]) -> str:
    """Returns the index of all pages."""
    lines = [
        NOTICE,
        "",
        "# The contract",
        "",
        "Every message, field and method of `protos/`, with units, ranges, defaults and errors. Browsers call unary",
        "methods as `POST /<service>/<method>` of the sidecar (Connect protocol) and streams as WebSockets",
        "([websocket.md](../websocket.md)); programs call the services over gRPC, which also answer reflection.",
        "",
    ]
    for package in packages:
        lines += [f"## [{package.name}]({package.page})", "", _paragraph(package.comment), ""]
        for service in package.services:
            lines += ["| method | description |", "|---|---|"]
            for number, method in enumerate(service.proto.method):
                anchor = f"{package.page}#{method.name.lower()}"
                lines.append(f"| [{method.name}]({anchor}) | {_cell(service.method_comment(number), brief=True)} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


class Page:
    """The page of one package."""

    def __init__(self, package: Package, packages: Sequence[Package]) -> None:
        self._package = package
        self._pages = {
            f".{other.name}.{name}": (other, name) for other in packages for name in (*other.messages, *other.enums)
        }
        self._shown: set[str] = set()

    def text(self) -> str:
        """Returns the page's Markdown."""
        package = self._package
        files = ", ".join(f"[{Path(file).name}](../../protos/{file})" for file in package.files)
        parts = [NOTICE, f"# {package.name}", _paragraphs(package.comment), f"Declared in {files}."]
        for service in package.services:
            parts += self._service(service)
        rest = [name for name in package.messages if name not in self._shown]
        if rest:
            parts += ["## Messages", *(part for name in rest for part in self._message(name))]
        if package.enums:
            parts += ["## Enums", *(part for name in package.enums for part in self._enum(name))]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _service(self, service: Service) -> Iterator[str]:
        yield f"## {service.proto.name}"
        yield _paragraphs(service.comment)
        for number, method in enumerate(service.proto.method):
            yield f"### {method.name}"
            asks, answers = ("stream " * flag for flag in (method.client_streaming, method.server_streaming))
            request, response = (name.rpartition(".")[2] for name in (method.input_type, method.output_type))
            yield f"`rpc {method.name}({asks}{request}) returns ({answers}{response})`"
            yield _paragraphs(service.method_comment(number))
            for name in (request, response):
                if name in self._package.messages and name not in self._shown:
                    yield from self._message(name, level=4)

    def _message(self, name: str, level: int = 3) -> Iterator[str]:
        self._shown.add(name)
        message = self._package.messages[name]
        yield f"{'#' * level} {name}"
        yield _paragraphs(message.comment)
        rows = ["| field | type | description |", "|---|---|---|"]
        oneof = None
        for number, one in enumerate(message.proto.field):
            group = one.oneof_index if one.HasField("oneof_index") and not one.proto3_optional else None
            if group is not None and group != oneof:
                text = _cell(message.comments.get((*message.path, _MESSAGE_ONEOFS, group), ""))
                rows.append(f"| *one of* `{message.proto.oneof_decl[group].name}` | | {text} |")
            oneof = group
            indent = "&emsp;" if group is not None else ""
            comment = message.comments.get((*message.path, _MESSAGE_FIELDS, number), "")
            rows.append(f"| {indent}`{one.name}` = {one.number} | {self._type(message, one)} | {_cell(comment)} |")
        yield "\n".join(rows) if message.proto.field else "No fields."

    def _enum(self, name: str) -> Iterator[str]:
        enum = self._package.enums[name]
        yield f"### {name}"
        yield _paragraphs(enum.comments.get(enum.path, ""))
        rows = ["| value | number | description |", "|---|---:|---|"]
        for number, value in enumerate(enum.proto.value):
            comment = enum.comments.get((*enum.path, _ENUM_VALUES, number), "")
            rows.append(f"| `{value.name}` | {value.number} | {_cell(comment)} |")
        yield "\n".join(rows)

    def _type(self, message: Message, one: Field) -> str:
        entries = {nested.name: nested for nested in message.proto.nested_type if nested.options.map_entry}
        if entry := entries.get(one.type_name.rpartition(".")[2]):
            key, value = (self._single(part) for part in entry.field)
            return f"map of {key} to {value}"
        name = self._single(one)
        if one.label == Field.LABEL_REPEATED:
            return f"repeated {name}"
        return f"optional {name}" if one.proto3_optional else name

    def _single(self, one: Field) -> str:
        if not one.type_name:
            return Field.Type.Name(one.type).removeprefix("TYPE_").lower()
        if one.type_name in self._pages:
            package, name = self._pages[one.type_name]
            page = "" if package is self._package else package.page
            return f"[{name}]({page}#{name.lower()})"
        return one.type_name.removeprefix(".google.protobuf.").lstrip(".")


def _paragraphs(comment: str) -> str:
    """Returns a comment's paragraphs, each in one line."""
    return "\n\n".join(_paragraph(part) for part in comment.split("\n\n"))


def _paragraph(comment: str) -> str:
    return " ".join(comment.split())


def _cell(comment: str, *, brief: bool = False) -> str:
    """Returns a comment as it fits into a table: in one line; `brief`: its first sentence."""
    text = _paragraph(comment.split("\n\n", maxsplit=1)[0] if brief else comment).replace("|", "\\|")
    return text.partition(". ")[0].rstrip(".") + "." if brief and text else text


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
