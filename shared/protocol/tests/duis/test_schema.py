"""Our own schema gives the verdicts of the official one: on the published templates and on mutants of them.

libxml2, which judges for the official schema here, skips characters that do not belong in base64, so it takes
``2015-01-01`` for base64Binary. XML Schema does not (a third validator, ``xmlschema``, says so too), and neither do
we; that one departure is the only one allowed below.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from dccemu_protocol.duis import Element, parse_document, validate
from dccemu_protocol.duis.names import SIGNATURE, sr
from dccemu_protocol.duis.schema.official import OfficialSchema
from dccemu_protocol.errors import EmulatorError, ProtocolError

VALUES = [
    "",
    "0",
    "-1",
    "1",
    " 1 ",
    "+1",
    "-0",
    "007",
    "1.0",
    "1.",
    ".5",
    "1e5",
    "99999999999999999999",
    "18446744073709551615",
    "18446744073709551616",
    "65536",
    "32768",
    "-32769",
    "9223372036854775808",
    "4294967296",
    "2147483648",
    "true",
    "TRUE",
    "yes",
    "   ",
    "abc",
    "é€",
    "2015-01-01T00:00:00Z",
    "2015-01-01",
    "2015-02-29",
    "2016-02-29",
    "24:00:00",
    "24:00:01",
    "23:59:60",
    "00:00:00",
    "00:00:00+14:00",
    "00:00:00+14:01",
    "2015-01-01T24:00:00Z",
    "2015-13-01T00:00:00Z",
    "0000-01-01",
    "2015-01-01T00:00:00",
    "2015-01-01T00:00:00.123456789+01:00",
    "AB",
    "abc1",
    "ABC",
    "8F66",
    "8f66",
    "YWJj",
    "YWI=",
    "YWJ=",
    "YW==",
    "YQ==",
    "YR==",
    "Y Q = =",
    "====",
    "90-b3-d5-1f-30-01-00-00",
    " 90-B3-D5-1F-30-01-00-00 ",
    "90-B3-D5-1F-30-01-00-0",
    "1234",
    "12345678901234567890",
    "Supplier",
    "supplier",
    "Monday",
    "0.123456",
    "12345678901234567890123456",
    "1.99999",
    "999999.9",
    "12.34",
    "a" * 23,
    "a" * 117,
]

Verdict = Callable[[Element], None]


def accepts(validator: Verdict, root: Element) -> bool:
    try:
        validator(root)
    except ProtocolError:
        return False
    return True


def elements(root: Element) -> list[Element]:
    """Every element but the root and the Signature's: that part is judged by the signature profile."""
    signature = root.find(SIGNATURE)
    skipped = set() if signature is None else set(signature.iter())
    return [element for element in root.iter() if element is not root and element not in skipped]


def removed(element: Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def doubled(element: Element) -> None:
    element.addnext(copy.deepcopy(element))


def reordered(element: Element) -> None:
    following = element.getnext()
    if following is not None:
        element.addprevious(following)


def renamed(element: Element) -> None:
    element.tag = sr("Other")


def emptied(element: Element) -> None:
    for child in list(element):
        element.remove(child)
    element.text = None


def filled(element: Element) -> None:
    etree.SubElement(element, sr("Other"))


def given_text(element: Element) -> None:
    element.text = "text"


def given_attribute(element: Element) -> None:
    element.set("other", "1")


CHANGES = (removed, doubled, reordered, renamed, emptied, filled, given_text, given_attribute)


def structural_mutants(root: Element) -> Iterator[tuple[str, Element]]:
    for number in range(len(elements(root))):
        for change in CHANGES:
            mutant = copy.deepcopy(root)
            element = elements(mutant)[number]
            name = f"{change.__name__} {element.tag}"
            change(element)
            yield name, mutant


def value_mutants(root: Element, chance: random.Random, share: float) -> Iterator[tuple[str, Element]]:
    for element in elements(root):
        if len(element) == 0:
            old = element.text
            for value in VALUES:
                if chance.random() < share:
                    element.text = value or None
                    yield f"{value!r} in {element.tag}", root
            element.text = old
        for attribute in list(element.keys()):
            old_value = element.attrib[attribute]
            for value in ("", "0", "99999", "x", " 1 "):
                element.set(attribute, value)
                yield f"{value!r} in {element.tag}/@{attribute}", root
            element.set(attribute, old_value)


def is_base64_departure(root: Element) -> bool:
    """Whether we refuse the document for characters that libxml2 skips in base64."""
    try:
        validate(root)
    except ProtocolError as error:
        return error.detail.endswith("is not base64Binary")
    return False


def compare(mutants: Iterator[tuple[str, Element]], official: OfficialSchema) -> tuple[int, int, list[str]]:
    """How many mutants, how many base64 departures, and the descriptions of other disagreements."""
    count, departures, others = 0, 0, []
    for name, mutant in mutants:
        count += 1
        if accepts(validate, mutant) != accepts(official.validate, mutant):
            if is_base64_departure(mutant):
                departures += 1
            else:
                others.append(name)
    return count, departures, others


def one_of_each_body(templates: list[Path]) -> list[Path]:
    """One template for each different set of element paths."""
    found: dict[str, Path] = {}
    for template in templates:
        root = parse_document(template.read_bytes())
        shape = repr([element.tag for element in elements(root)])
        found.setdefault(shape, template)
    return list(found.values())


def test_every_published_template_follows_the_schema(templates: list[Path]) -> None:
    for template in templates:
        validate(parse_document(template.read_bytes()))


def test_verdicts_on_structural_mutants_agree(templates: list[Path], official: OfficialSchema) -> None:
    chance = random.Random(20)
    total, disagreements = 0, []
    for template in one_of_each_body(templates):
        mutants = structural_mutants(parse_document(template.read_bytes()))
        chosen = (mutant for mutant in mutants if chance.random() < 0.4)
        count, _, others = compare(chosen, official)
        total += count
        disagreements += [f"{template.name}: {other}" for other in others]

    assert total > 10_000
    assert disagreements == []


def test_verdicts_on_values_agree(templates: list[Path], official: OfficialSchema) -> None:
    chance = random.Random(21)
    total, departures, disagreements = 0, 0, []
    for template in one_of_each_body(templates):
        mutants = value_mutants(parse_document(template.read_bytes()), chance, 0.1)
        count, base64, others = compare(mutants, official)
        total, departures = total + count, departures + base64
        disagreements += [f"{template.name}: {other}" for other in others]

    assert total > 10_000
    assert departures < total / 500
    assert disagreements == []


@pytest.mark.nightly
def test_verdicts_on_all_mutants_of_all_templates_agree(templates: list[Path], official: OfficialSchema) -> None:
    chance = random.Random(22)
    disagreements = []
    for template in templates:
        root = parse_document(template.read_bytes())
        for mutants in (structural_mutants(root), value_mutants(root, chance, 1.0)):
            disagreements += [f"{template.name}: {other}" for other in compare(mutants, official)[2]]

    assert disagreements == []


def test_a_third_validator_refuses_what_libxml2_lets_pass_in_base64() -> None:
    schema = xmlschema.XMLSchema(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        '<xs:element name="a" type="xs:base64Binary"/></xs:schema>'
    )

    assert schema.is_valid("<a>YWJj</a>")
    assert not schema.is_valid("<a>2015-01-01</a>")


BODY = (
    "<SynchroniseClock><CurrentDateTime>2026-01-01T00:00:00Z</CurrentDateTime>"
    "<TolerancePeriod>{}</TolerancePeriod></SynchroniseClock>"
)


def document(body: str, root_attributes: str = "") -> bytes:
    return (
        '<Request xmlns="http://www.dccinterface.co.uk/ServiceUserGateway" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" schemaVersion="5.4"{root_attributes}><Header>'
        "<RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1</RequestID><CommandVariant>4</CommandVariant>"
        "<ServiceReference>6.11</ServiceReference><ServiceReferenceVariant>6.11</ServiceReferenceVariant></Header>"
        f"<Body>{body}</Body></Request>"
    ).encode()


def test_a_refusal_names_the_place_and_the_value() -> None:
    with pytest.raises(ProtocolError) as caught:
        validate(parse_document(document(BODY.format("86401"))))

    assert caught.value.place == "/Request/Body/SynchroniseClock/TolerancePeriod"
    assert "86401 is more than 86400" in caught.value.detail


def test_a_refusal_says_what_belongs_there() -> None:
    with pytest.raises(ProtocolError, match="CurrentDateTime belongs here"):
        validate(parse_document(document("<SynchroniseClock><TolerancePeriod>1</TolerancePeriod></SynchroniseClock>")))


def test_schema_hints_in_a_document_are_neither_refused_nor_followed(official: OfficialSchema) -> None:
    hint = ' xsi:schemaLocation="http://www.dccinterface.co.uk/ServiceUserGateway file:///nowhere/evil.xsd"'
    root = parse_document(document(BODY.format(1), hint))

    validate(root)
    official.validate(root)


@pytest.mark.parametrize("attribute", [' xsi:type="sr:Other"', ' xsi:nil="true"'])
def test_types_may_not_be_substituted(attribute: str) -> None:
    body = BODY.format(1).replace("<SynchroniseClock", f"<SynchroniseClock{attribute}")

    with pytest.raises(ProtocolError, match="SCHEMA_INVALID"):
        validate(parse_document(document(body)))


def test_a_schema_that_cannot_be_used_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "bad schema.xsd").write_text("<not-a-schema/>")

    with pytest.raises(EmulatorError, match=r"bad schema\.xsd"):
        OfficialSchema(tmp_path / "bad schema.xsd")
    with pytest.raises(EmulatorError):
        OfficialSchema(tmp_path / "absent.xsd")
