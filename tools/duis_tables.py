"""Make the tables of ``dccemu_protocol.duis.schema`` from an XML schema of DUIS named on the command line.

The tables hold facts only (element names, order, occurrence, types, facets) in this project's own form; run this when
a new schema level is published and review the difference. Types inherited by extension are written out in full,
types without a name get the name of the element that holds them, and types that nothing reaches are left out.

Usage: ``python tools/duis_tables.py SCHEMA.xsd > shared/protocol/src/dccemu_protocol/duis/schema/data/duis-5.4.json``
"""

from __future__ import annotations

import json
import sys
from typing import Any

from lxml import etree

XS = "{http://www.w3.org/2001/XMLSchema}"
BOUNDS = {"minInclusive": "min", "maxInclusive": "max", "minExclusive": "above", "maxExclusive": "below"}
COUNTS = ("length", "minLength", "maxLength", "totalDigits", "fractionDigits")
LEFT_OUT = {"SMETS1ResponseMessage", "SMETS1SignedResponse", "S1SPAlert", "Signature"}

Node = Any


class Tables:
    def __init__(self, schema: Node) -> None:
        self.named = {n.get("name"): n for n in schema if n.tag in (XS + "complexType", XS + "simpleType")}
        self.elements = {n.get("name"): n for n in schema if n.tag == XS + "element"}
        self.simple: dict[str, Any] = {}
        self.complex: dict[str, Any] = {}

    def type_name(self, node: Node, owner: str) -> str:
        """Name the type of an element or attribute and make sure that it is in the tables."""
        reference = node.get("type")
        if reference is not None:
            prefix, _, name = reference.rpartition(":")
            if prefix == "xs":
                return "xs:" + name
            self.define(name, self.named[name])
            return str(name)
        inner = next((c for c in node if c.tag in (XS + "complexType", XS + "simpleType")), None)
        if inner is None:
            raise SystemExit(f"{owner}: no type")
        name = owner
        while name in self.simple or name in self.complex or name in self.named:
            name += "_"
        self.define(name, inner)
        return name

    def define(self, name: str, node: Node) -> None:
        if name in self.simple or name in self.complex:
            return
        if node.tag == XS + "simpleType":
            self.simple[name] = self.simple_type(node)
        else:
            self.complex[name] = {}
            self.complex[name] = self.complex_type(node, name)

    def simple_type(self, node: Node) -> dict[str, Any]:
        (restriction,) = [c for c in node if c.tag == XS + "restriction"]
        base = restriction.get("base")
        if base.startswith("xs:"):
            facts: dict[str, Any] = {"base": base[3:]}
        else:
            facts = dict(self.simple_type(self.named[base.partition(":")[2]]))
        values: list[str] = []
        patterns: list[str] = []
        for facet in restriction:
            if not isinstance(facet.tag, str):
                continue
            kind, value = facet.tag.removeprefix(XS), facet.get("value")
            if kind == "enumeration":
                values.append(value)
            elif kind == "pattern":
                patterns.append(value)
            elif kind in BOUNDS:
                facts[BOUNDS[kind]] = value
            elif kind in COUNTS:
                facts[kind] = int(value)
            else:
                raise SystemExit(f"facet {kind} is not known")
        if values:
            facts["values"] = values
        if patterns:  # alternatives within one step, all steps must hold
            facts["patterns"] = [*facts.get("patterns", []), "|".join(patterns)]
        return facts

    def complex_type(self, node: Node, owner: str) -> dict[str, Any]:
        content: list[Any] = []
        facts: dict[str, Any] = {}
        attributes: dict[str, str] = {}
        self.fill(node, owner, content, attributes, facts)
        if content:
            facts["content"] = content[0] if len(content) == 1 else ["all-of", 1, 1, content]
        if attributes:
            facts["attributes"] = attributes
        return facts

    def fill(
        self, node: Node, owner: str, content: list[Any], attributes: dict[str, str], facts: dict[str, Any]
    ) -> None:
        for child in node:
            if not isinstance(child.tag, str):
                continue
            kind = child.tag.removeprefix(XS)
            if kind in ("complexContent", "simpleContent"):
                self.fill(child, owner, content, attributes, facts)
            elif kind == "extension":
                self.extend(child, owner, content, attributes, facts)
            elif kind in ("sequence", "choice"):
                content.append(self.particle(child, owner))
            elif kind == "attribute":
                if child.get("use") != "required":
                    raise SystemExit("only required attributes are known")
                attributes[child.get("name")] = self.type_name(child, f"{owner}.{child.get('name')}")
            else:
                raise SystemExit(f"{owner}: {kind} is not known")

    def extend(
        self, node: Node, owner: str, content: list[Any], attributes: dict[str, str], facts: dict[str, Any]
    ) -> None:
        prefix, _, base = node.get("base").rpartition(":")
        if prefix == "xs":
            facts["text"] = "xs:" + base
        elif self.named[base].tag == XS + "simpleType":
            self.define(base, self.named[base])
            facts["text"] = base
        else:
            self.fill(self.named[base], owner, content, attributes, facts)
        self.fill(node, owner, content, attributes, facts)

    def particle(self, node: Node, owner: str) -> list[Any]:
        low = int(node.get("minOccurs", "1"))
        high = node.get("maxOccurs", "1")
        bounds = [low, None if high == "unbounded" else int(high)]
        kind = node.tag.removeprefix(XS)
        if kind == "element":
            reference = node.get("ref")
            name = reference.partition(":")[2] if reference else node.get("name")
            if name in LEFT_OUT:
                return ["element", *bounds, name, None]
            source = self.elements[name] if reference else node
            return ["element", *bounds, name, self.type_name(source, f"{owner}.{name}")]
        parts = [self.particle(c, owner) for c in node if isinstance(c.tag, str)]
        return ["all-of" if kind == "sequence" else "one-of", *bounds, parts]


def main(path: str) -> None:
    tables = Tables(etree.parse(path).getroot())
    roots = {name: tables.type_name(tables.elements[name], name) for name in ("Request", "Response")}
    lines = ["{", f'"roots": {json.dumps(roots)},']
    for title, rows in (("simple", tables.simple), ("complex", tables.complex)):
        lines.append(f'"{title}": {{')
        lines.append(",\n".join(f"{json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows)))
        lines.append("}," if title == "simple" else "}")
    sys.stdout.write("\n".join([*lines, "}"]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
