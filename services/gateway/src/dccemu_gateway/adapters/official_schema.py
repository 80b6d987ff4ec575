"""An official DUIS schema as a second opinion, where an operator names one (``DCCEMU_GATEWAY_DUIS_SCHEMA``).

libxml2 does not follow a ``schemaLocation`` that holds spaces, and the XML signature schema begins with a DOCTYPE
(duis.md section 11): both are put right in memory, the files stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree

from dccemu_protocol.duis import Element
from dccemu_protocol.errors import EmulatorError, ProtocolError

_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(\[.*?\])?\s*>", re.DOTALL)
_LOCATION = re.compile(rb'schemaLocation="([^"]*)"')


class _Folder(etree.Resolver):
    """Finds imported schemas beside the first one, under names without spaces."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def resolve(self, system_url: str, _public_id: str, context: Any) -> Any:  # type: ignore[override]
        name = system_url.rpartition("/")[2]
        for path in self._folder.iterdir():
            if path.name.replace(" ", "_") == name:
                return self.resolve_string(_prepared(path), context, base_url=name)
        raise EmulatorError(f"the schema needs {name}, which is not in {self._folder}")


def _prepared(path: Path) -> bytes:
    text = _DOCTYPE.sub(b"", path.read_bytes())
    return _LOCATION.sub(
        lambda match: b'schemaLocation="' + match[1].replace(b" ", b"_").replace(b"%20", b"_") + b'"', text
    )


def load(path: Path) -> etree.XMLSchema:
    """Compile the schema of a file."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_Folder(path.parent))
    try:
        return etree.XMLSchema(etree.fromstring(_prepared(path), parser, base_url=path.name.replace(" ", "_")))
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError, OSError) as error:
        raise EmulatorError(f"the DUIS schema {path} does not compile: {error}") from error


def both(own: Callable[[Element], None], path: Path) -> Callable[[Element], None]:
    """Check with our own schema, then with the official one."""
    schema = load(path)

    def validate(root: Element) -> None:
        own(root)
        try:
            schema.assertValid(root)
        except etree.DocumentInvalid as error:
            raise ProtocolError("SCHEMA_INVALID", f"official schema: {str(error)[:300]}", source="duis.md 11") from None

    return validate
