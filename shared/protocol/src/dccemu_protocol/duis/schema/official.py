"""Check documents against an official DUIS schema as well, where the operator has one.

libxml2 does not follow a ``schemaLocation`` that contains spaces, which the official file names do, and then fails to
compile. So copies of the schema files beside the named one are made under plain names in a temporary folder, with
that attribute changed, and forgotten after compilation (duis.md section 11). Nothing is fetched from a network, and
schema hints inside documents are ignored.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from lxml import etree

from ...errors import EmulatorError, ProtocolError
from ..document import Element
from ..names import XSI

_LOCATION: Final = re.compile(rb'schemaLocation="([^"]*)"')
_HINTS: Final = (f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation")


def _plain(name: bytes) -> bytes:
    return name.replace(b" ", b"_")


class OfficialSchema:
    """An official schema, compiled.

    Parameters
    ----------
    path
        The DUIS schema file; the files it imports lie beside it.

    Raises
    ------
    EmulatorError
        When the file cannot be read or compiled.
    """

    def __init__(self, path: Path) -> None:
        try:
            with TemporaryDirectory(prefix="dccemu-schema-") as folder:
                for source in path.parent.iterdir():
                    if source.suffix.lower() in {".xsd", ".dtd"}:
                        content = _LOCATION.sub(lambda found: _plain(found[0]), source.read_bytes())
                        Path(folder, _plain(source.name.encode()).decode()).write_bytes(content)
                parser = etree.XMLParser(no_network=True, load_dtd=False)
                document = etree.parse(str(Path(folder, _plain(path.name.encode()).decode())), parser)
                self._schema = etree.XMLSchema(document)
        except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
            raise EmulatorError(f"the schema {path.name} cannot be used: {error}") from error

    def validate(self, root: Element) -> None:
        """Check a document; signed or not.

        Raises
        ------
        ProtocolError
            ``SCHEMA_INVALID`` with the first finding of the validator.
        """
        if any(root.get(hint) is not None for hint in _HINTS):
            root = copy.deepcopy(root)
            for hint in _HINTS:
                root.attrib.pop(hint, "")
        try:
            self._schema.assertValid(root)
        except etree.DocumentInvalid as error:
            raise ProtocolError("SCHEMA_INVALID", str(error)[:300], source="official DUIS schema") from None
