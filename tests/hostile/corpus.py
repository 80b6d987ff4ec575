"""The hostile corpus: documents made to be accepted for what they are not, or to exhaust whoever reads them.

``corpus(forge)`` gives cases in the order in which they must be sent (a few build on the one before). Everything is a
function of the keys, the Device and the first counter, so the same arguments give the same octets. Numbers of groups
are those of the reliability corpus: 1 external entities, 2 expansion, 3 wrapping and algorithm confusion, 4 ECDSA,
5 canonicalisation, 6 certificates, 7 replay and counters, 9 documents that are only almost right. (8, HTTP, is not a
matter of documents.)

Run as a script it writes the corpus to a folder: ``python tests/hostile/corpus.py --keystore FILE --out DIR``.
It is one module because test modules may not import one another.
"""

from __future__ import annotations

import argparse
import base64
import copy
import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from dccemu_protocol.duis import parse_document
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, Usage, keystore
from dccemu_protocol.xmldsig import XMLSigner

SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
DS = "http://www.w3.org/2000/09/xmldsig#"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
VALUE = re.compile(rb"(<ds:SignatureValue>)([^<]*)(</ds:SignatureValue>)")
Element = etree._Element
REFUSED = frozenset({"E100"})
TAKEN = frozenset({"I99", "I0"})
NOT_XML = frozenset({400})
TOO_MUCH = frozenset({400, 413})


@dataclass(frozen=True)
class Case:
    """One message to post.

    ``statuses`` are the HTTP statuses allowed; with 200, ``codes`` are the response codes allowed (None: any that
    the schema has). ``make`` builds the octets, which may be many, only when they are wanted.
    """

    name: str
    group: int
    why: str
    make: Callable[[], bytes] = field(repr=False)
    statuses: frozenset[int] = frozenset({200})
    codes: frozenset[str] | None = REFUSED
    service: str = "S"

    @property
    def body(self) -> bytes:
        return self.make()


@dataclass
class Forge:
    """What the corpus is made with.

    Parameters
    ----------
    store
        Keys of ``user`` (XML and GBCS), and of ``other``, another User.
    device
        A commissioned ESME of ``user`` that answers 4.1.1.
    first_counter
        RequestID counters used are this one and those that follow.
    """

    store: Keystore
    user: Eui64
    other: Eui64
    device: Eui64
    first_counter: int = 1_000_000

    def __post_init__(self) -> None:
        self._counter = self.first_counter

    def counter(self) -> int:
        self._counter += 1
        return self._counter

    def signer(self, eui: Eui64 | None = None) -> XMLSigner:
        found = self.store.xml_signer(eui or self.user)
        assert found is not None, f"no XML signing key of {eui or self.user}"
        return XMLSigner(found[0], found[1].issuer, found[1].serial)

    def unsigned(self, **changes: str) -> bytes:
        values = {
            "id": f"{self.user}:{self.device}:{self.counter()}",
            "cv": "1",
            "service": "4.1",
            "variant": "4.1.1",
            "body": "<sr:ReadInstantaneousImportRegisters></sr:ReadInstantaneousImportRegisters>",
            "version": "5.4",
            "root": "",
            "header": "",
        } | changes
        return (
            f'<sr:Request xmlns:sr="{SR}"{values["root"]} schemaVersion="{values["version"]}"><sr:Header>'
            f"<sr:RequestID>{values['id']}</sr:RequestID>{values['header']}"
            f"<sr:CommandVariant>{values['cv']}</sr:CommandVariant>"
            f"<sr:ServiceReference>{values['service']}</sr:ServiceReference>"
            f"<sr:ServiceReferenceVariant>{values['variant']}</sr:ServiceReferenceVariant></sr:Header>"
            f"<sr:Body>{values['body']}</sr:Body></sr:Request>"
        ).encode()

    def signed(self, **changes: str) -> bytes:
        return self.signer().sign(self.unsigned(**changes))


def fixed(data: bytes) -> Callable[[], bytes]:
    return lambda: data


# --- 1 external entities


def external(forge: Forge) -> Iterator[Case]:
    inner = forge.signed().partition(b"?>")[2]
    doctypes = {
        "empty": "<!DOCTYPE Request>",
        "internal entity": '<!DOCTYPE Request [<!ENTITY x "y">]>',
        "file entity": '<!DOCTYPE Request [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        "http entity": '<!DOCTYPE Request [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]>',
        "parameter entity": '<!DOCTYPE Request [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p.dtd"> %p;]>',
        "external subset": '<!DOCTYPE Request SYSTEM "file:///etc/passwd">',
        "default attribute": '<!DOCTYPE Request [<!ATTLIST Request schemaVersion CDATA "5.4">]>',
    }
    for name, doctype in doctypes.items():
        body = doctype.encode() + inner
        yield Case(f"doctype: {name}", 1, "no document type declaration is allowed", fixed(body), NOT_XML, None)
    used = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + inner.replace(b"4.1.1<", b"&x;<")
    yield Case("entity in use", 1, "no entity is expanded", fixed(used), NOT_XML, None)
    include = '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"></i:include>'
    yield Case("XInclude", 1, "an include is an element like any other", fixed(forge.signed(body=include)))
    hint = (
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{SR} http://127.0.0.1:9/evil.xsd"'
    )
    yield Case(
        "schema hint", 1, "a schema hint is allowed and not followed", fixed(forge.signed(root=hint)), codes=TAKEN
    )


# --- 2 expansion


def expansion(forge: Forge) -> Iterator[Case]:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    laughs = f'<!DOCTYPE a [<!ENTITY l0 "ha">{lines}]><a>&l11;</a>'.encode()
    quadratic = f'<!DOCTYPE a [<!ENTITY x "{"x" * 50_000}">]><a>{"&x;" * 50_000}</a>'.encode()
    signed = forge.signed()
    id_text = re.compile(rb"<sr:RequestID>[^<]*")
    makers: dict[str, Callable[[], bytes]] = {
        "billion laughs": fixed(laughs),
        "quadratic blow-up": fixed(quadratic),
        "10^6 attributes": lambda: (
            f'<sr:Request xmlns:sr="{SR}" ' + " ".join(f'a{n}="1"' for n in range(10**6)) + "/>"
        ).encode(),
        "10^6 namespaces": lambda: (
            f'<sr:Request xmlns:sr="{SR}" ' + " ".join(f'xmlns:n{n}="u"' for n in range(10**6)) + "/>"
        ).encode(),
        "5000 namespaces": lambda: signed.replace(
            b" schemaVersion", "".join(f' xmlns:n{n}="urn:{n}"' for n in range(5000)).encode() + b" schemaVersion"
        ),
        "10^5 levels": lambda: b"<a>" * 10**5 + b"</a>" * 10**5,
        "10^6 elements": lambda: b"<a>" + b"<b/>" * 10**6 + b"</a>",
        "20 MB of text": lambda: id_text.sub(b"<sr:RequestID>" + b"1" * 20_000_000, signed),
        "a name of 9 MB": lambda: b"<" + b"n" * 9_000_000 + b"/>",
        "a RequestID of 1 MB": lambda: id_text.sub(b"<sr:RequestID>" + b"1" * 1_000_000, signed),
    }
    for name, make in makers.items():
        yield Case(name, 2, "bounds hold before anything is built", make, TOO_MUCH, None)


# --- 3 wrapping and confusion


def _parts(root: Element) -> tuple[Element, Element, Element]:
    """Evil document without Signature, the original without it, and the Signature."""
    original = copy.deepcopy(root)
    signature = original[-1]
    original.remove(signature)
    evil = copy.deepcopy(original)
    found = evil.find(f".//{{{SR}}}RequestID")
    assert found is not None
    assert found.text is not None
    found.text = found.text + "0"
    return evil, original, signature


def _wrap_in_signature(root: Element) -> Element:
    evil, original, signature = _parts(root)
    signature.append(original)
    evil.append(signature)
    return evil


def _wrap_beside(root: Element) -> Element:
    evil, original, signature = _parts(root)
    evil.append(original)
    evil.append(signature)
    return evil


def _wrap_first(root: Element) -> Element:
    evil, original, signature = _parts(root)
    evil.insert(0, original)
    evil.append(signature)
    return evil


def _wrap_whole(root: Element) -> Element:
    evil, _, _ = _parts(root)
    evil.append(copy.deepcopy(root))
    return evil


def _wrap_after(root: Element) -> Element:
    evil, original, signature = _parts(root)
    evil.append(signature)
    evil.append(original)
    return evil


def _wrap_in_key_info(root: Element) -> Element:
    evil, original, signature = _parts(root)
    signature[-1].append(original)
    evil.append(signature)
    return evil


def _wrap_in_extension(root: Element) -> Element:
    evil, original, signature = _parts(root)
    etree.SubElement(evil, f"{{{SR}}}Extensions").append(original)
    evil.append(signature)
    return evil


def _wrap_in_object(root: Element) -> Element:
    evil, original, signature = _parts(root)
    etree.SubElement(signature, f"{{{DS}}}Object").append(original)
    evil.append(signature)
    return evil


WRAPPINGS = (
    _wrap_in_signature,
    _wrap_beside,
    _wrap_first,
    _wrap_whole,
    _wrap_after,
    _wrap_in_key_info,
    _wrap_in_extension,
    _wrap_in_object,
)
ALGORITHMS = {
    "SignatureMethod": (
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    ),
    "DigestMethod": ("http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha512"),
    "CanonicalizationMethod": (
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    ),
    "Transform": (
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "urn:unknown",
    ),
}


def _find(root: Element, name: str) -> Element:
    found = root.find(f".//{{{DS}}}{name}")
    assert found is not None
    return found


def _set_algorithm(name: str, algorithm: str, root: Element) -> Element:
    _find(root, name).set("Algorithm", algorithm)
    return root


def _again(name: str, root: Element) -> Element:
    found = _find(root, name)
    found.addnext(copy.deepcopy(found))
    return root


def _move_signature(to: str, root: Element) -> Element:
    signature = root[-1]
    if to == "front":
        root.insert(0, signature)
    else:
        root[1].append(signature)
    return root


def _repeat_signature(root: Element) -> Element:
    root.append(copy.deepcopy(root[-1]))
    return root


def _second(name: str, root: Element) -> Element:
    found = root.find(f".//{{{SR}}}{name}")
    assert found is not None
    found.addnext(copy.deepcopy(found))
    return root


def _add_key(name: str, root: Element) -> Element:
    etree.SubElement(_find(root, "KeyInfo"), f"{{{DS}}}{name}").text = "AAAA"
    return root


def _set_uri(root: Element) -> Element:
    root.set("Id", "x")
    _find(root, "Reference").set("URI", "#x")
    return root


def _hmac(forge: Forge, root: Element) -> Element:
    """HMAC with the signer's public key as the secret: the classic confusion."""
    found = forge.store.xml_signer(forge.user)
    assert found is not None
    public = found[1].public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _set_algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", root)
    info = etree.tostring(_find(root, "SignedInfo"), method="c14n", exclusive=True)
    _find(root, "SignatureValue").text = base64.b64encode(hmac.digest(public, info, hashlib.sha256)).decode()
    return root


def wrapping(forge: Forge) -> Iterator[Case]:
    edits: dict[str, Callable[[Element], Element]] = {
        f"XSW{number}: {wrap.__name__[1:]}": wrap for number, wrap in enumerate(WRAPPINGS, 1)
    }
    for name, algorithms in ALGORITHMS.items():
        edits |= {f"{name} {one}": partial(_set_algorithm, name, one) for one in algorithms}
    edits |= {
        "two Signatures": _repeat_signature,
        "Signature first": partial(_move_signature, "front"),
        "Signature in the Body": partial(_move_signature, "body"),
        "two References": partial(_again, "Reference"),
        "two Transforms": partial(_again, "Transform"),
        "reference by id": _set_uri,
        "two RequestIDs": partial(_second, "RequestID"),
        "two Headers": partial(_second, "Header"),
        "two Bodies": partial(_second, "Body"),
        "HMAC with the public key": partial(_hmac, forge),
    } | {f"{name} inside": partial(_add_key, name) for name in ("KeyValue", "X509Certificate", "KeyName")}
    for name, edit in edits.items():
        root = edit(parse_document(forge.signed()))
        why, body = "exactly one enveloped signature of the one profile", fixed(etree.tostring(root))
        if root[0].tag == f"{{{SR}}}Header":
            yield Case(name, 3, why, body)
        else:
            yield Case(name, 3, "no Header first: nobody to answer", body, NOT_XML, None)
    yield Case("not signed", 3, "every Request is signed", fixed(forge.unsigned()))
    signed = forge.signed()
    yield Case(
        "processing instruction",
        3,
        "no processing instructions",
        fixed(signed.replace(b"<sr:Body>", b"<?x y?><sr:Body>")),
        NOT_XML,
        None,
    )
    for name, old, new in (
        ("comment inside a value", b">4.1.1<", b">4.1<!-- x -->.1<"),
        ("CDATA", b">4.1.1<", b"><![CDATA[4.1.1]]><"),
    ):
        body = forge.signed().replace(old, new)
        yield Case(name, 3, "the whole text is read, as the signature covers it", fixed(body), codes=TAKEN)


# --- 4 ECDSA


def _with_value(document: bytes, octets: bytes) -> bytes:
    return VALUE.sub(lambda found: found[1] + base64.b64encode(octets) + found[3], document)


def _value(document: bytes) -> bytes:
    found = VALUE.search(document)
    assert found is not None
    return base64.b64decode(found[2])


def signatures(forge: Forge) -> Iterator[Case]:
    document = forge.signed()
    octets = _value(document)
    r, s = octets[:32], octets[32:]
    n = ORDER.to_bytes(32, "big")
    zero = bytes(32)
    forged = {
        "r = 0": zero + s,
        "s = 0": r + zero,
        "both 0": zero + zero,
        "r = n": n + s,
        "s = n": r + n,
        "r > n": b"\xff" * 32 + s,
        "DER": encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big")),
        "63 octets": octets[:63],
        "65 octets": octets + b"\0",
        "nothing": b"",
        "r and s exchanged": s + r,
    }
    for name, value in forged.items():
        yield Case(
            f"signature value: {name}",
            4,
            "r and s are 32 octets each, 0 < r, s < n",
            fixed(_with_value(document, value)),
        )
    twin = _with_value(document, r + (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big"))
    yield Case("high twin of a signature", 4, "the twin is a signature too", fixed(twin), codes=TAKEN)
    yield Case(
        "low twin after the high one",
        4,
        "the RequestID may not repeat, whatever the signature",
        fixed(document),
        codes=frozenset({"E45"}),
    )


# --- 5 canonicalisation


def canonicalisation(forge: Forge) -> Iterator[Case]:
    refused = (
        ("white space after signing", b"<sr:Body>", b"\n<sr:Body>"),
        ("carriage return after signing", b">4.1.1<", b">4.1.1&#13;<"),
        ("another namespace declaration", b"<sr:Body>", b'<sr:Body xmlns:x="urn:x">'),
        ("relative namespace name", b" schemaVersion", b' xmlns:x="relative" schemaVersion'),
        ("prefix renamed", b"sr:", b"xx:"),
        ("another version", b'schemaVersion="5.4"', b'schemaVersion="5.3"'),
    )
    for name, old, new in refused:
        body = forge.signed().replace(old, new).replace(b"xmlns:sr=", b"xmlns:xx=" if new == b"xx:" else b"xmlns:sr=")
        yield Case(name, 5, "what changes the canonical form breaks the digest", fixed(body))
    taken = (
        ("quotes changed", b'schemaVersion="5.4"', b"schemaVersion='5.4'"),
        ("space in a tag", b"<sr:Body>", b"<sr:Body  >"),
        ("character reference", b">4.1.1<", b">4.1.&#x31;<"),
        ("reference in an attribute", b'schemaVersion="5.4"', b'schemaVersion="5&#46;4"'),
        ("comment after the root", b"</sr:Request>", b"</sr:Request><!-- x -->"),
        ("no declaration", b'<?xml version="1.0" encoding="UTF-8"?>', b""),
        ("byte order mark", b'<?xml version="1.0" encoding="UTF-8"?>', b'\xef\xbb\xbf<?xml version="1.0"?>'),
    )
    for name, old, new in taken:
        body = forge.signed().replace(old, new, 1)
        yield Case(name, 5, "what leaves the canonical form alone is the same document", fixed(body), codes=TAKEN)
    spaced = forge.unsigned().replace(b"><", b">\n  <")
    canonical = etree.tostring(parse_document(spaced), method="c14n")
    yield Case(
        "signed with white space",
        5,
        "white space between elements is part of what was signed",
        fixed(forge.signer().sign_canonical(canonical)),
        codes=TAKEN,
    )
    prefixless = forge.unsigned().replace(b"xmlns:sr", b"xmlns").replace(b"sr:", b"")
    yield Case("default namespace", 5, "prefixes do not matter", fixed(forge.signer().sign(prefixless)), codes=TAKEN)
    text = forge.signed().decode()
    encodings = {
        "UTF-16": text.replace("UTF-8", "UTF-16").encode("utf-16"),
        "UTF-16 without mark": text.encode("utf-16-le"),
        "Latin-1 declared": text.replace("UTF-8", "ISO-8859-1").encode(),
        "Latin-1 declared as UTF-8": text.replace("4.1.1<", "4.1.é<").encode("latin-1"),
        "NUL": text.replace("4.1.1<", "4.1\0.1<").encode(),
    }
    for name, body in encodings.items():
        yield Case(name, 5, "the encoding is UTF-8", fixed(body), NOT_XML, None)


# --- 6 certificates


def certificates(forge: Forge) -> Iterator[Case]:
    found = forge.store.xml_signer(forge.user)
    assert found is not None
    key, own = found
    why = "an XML signing certificate of the originator, by issuer and serial"
    unknown = XMLSigner(key, own.issuer, own.serial + 1)
    yield Case("unknown serial", 6, why, fixed(unknown.sign(forge.unsigned())))
    elsewhere = XMLSigner(key, "CN=EVIL,OU=07", own.serial)
    yield Case("same serial, another issuer", 6, why, fixed(elsewhere.sign(forge.unsigned())))
    stranger = XMLSigner(ec.derive_private_key(0xBAD, ec.SECP256R1()), own.issuer, own.serial)
    yield Case("another key", 6, why, fixed(stranger.sign(forge.unsigned())))
    yield Case("another User's signature", 6, why, fixed(forge.signer(forge.other).sign(forge.unsigned())))
    for usage, name in ((Usage.DIGITAL_SIGNATURE, "GBCS signing"), (Usage.KEY_AGREEMENT, "key agreement")):
        certificate = forge.store.certificate(forge.user, usage, RemotePartyRole.SUPPLIER)
        private = None if certificate is None else forge.store.key_of(certificate)
        if certificate is not None and private is not None:
            signer = XMLSigner(private, certificate.issuer, certificate.serial)
            yield Case(
                f"{name} key",
                6,
                "the role must be 135 and the usage digitalSignature",
                fixed(signer.sign(forge.unsigned())),
            )


# --- 7 replay and counters


def replay(forge: Forge) -> Iterator[Case]:
    counter = forge.counter()
    identifier = f"{forge.user}:{forge.device}:{counter}"
    once = forge.signed(id=identifier)
    yield Case("first time", 7, "a good request", fixed(once), codes=TAKEN)
    again = frozenset({"E45"})
    yield Case("same octets again", 7, "a RequestID is used once", fixed(once), codes=again)
    other = forge.signed(id=identifier, variant="4.1.2", body="<sr:ReadInstantaneousImportTOUMatrices/>")
    yield Case("same RequestID, other body", 7, "a RequestID is used once", fixed(other), codes=again)
    yield Case(
        "same RequestID, lower case",
        7,
        "identifiers are blind to case",
        fixed(forge.signed(id=identifier.lower())),
        codes=again,
    )
    fresh = f"{forge.user}:{forge.device}:{forge.counter()}".lower()
    yield Case("lower case", 7, "either case is accepted", fixed(forge.signed(id=fresh)), codes=TAKEN)
    for name, text in {
        "leading zeros": f"{forge.user}:{forge.device}:007",
        "counter of 2^64": f"{forge.user}:{forge.device}:{2**64}",
        "negative counter": f"{forge.user}:{forge.device}:-1",
        "no counter": f"{forge.user}:{forge.device}",
        "Arabic digits": f"{forge.user}:{forge.device}:\u0661",
        "white space inside": f"{forge.user} : {forge.device} : 1",
        "empty": "",
    }.items():
        yield Case(f"RequestID: {name}", 7, "nobody to answer", fixed(forge.signed(id=text)), NOT_XML, None)


# --- 9 almost right


def nonsense(forge: Forge) -> Iterator[Case]:
    read = "<sr:ReadInstantaneousImportRegisters/>"
    cases = {
        "unknown version": (forge.signed(version="9.9"), REFUSED),
        "unknown element": (forge.signed(body="<sr:Unheard/>"), REFUSED),
        "unknown service": (forge.signed(service="99.9", variant="99.9"), REFUSED),
        "empty Body": (forge.signed(body=""), REFUSED),
        "Command Variant 0": (forge.signed(cv="0"), REFUSED),
        "Command Variant 10": (forge.signed(cv="10"), REFUSED),
        "Command Variant 9": (forge.signed(cv="9"), frozenset({"E12"})),
        "Command Variant of a critical request": (forge.signed(cv="5"), frozenset({"E12"})),
        "Command Variant of another service": (forge.signed(cv="2"), frozenset({"E13"})),
        "body of another service": (forge.signed(variant="4.1.2", body=read), frozenset({"E12"})),
        "reference of another service": (forge.signed(service="4.2"), frozenset({"E12"})),
        "service of a gas meter": (
            forge.signed(variant="4.1.4", body="<sr:ReadInstantaneousImportBlockCounters/>"),
            frozenset({"E11", "E2"}),
        ),
        "unknown Device": (
            forge.signed(id=f"{forge.user}:FF-FF-FF-FF-FF-FF-FF-F0:{forge.counter()}"),
            frozenset({"E19"}),
        ),
        "sent to the DCC": (
            forge.signed(id=f"{forge.user}:90-B3-D5-1F-30-00-00-02:{forge.counter()}"),
            frozenset({"E19", "E12"}),
        ),
        "critical request as CV 1": (
            forge.signed(
                service="6.11",
                variant="6.11",
                body="<sr:SynchroniseClock><sr:CurrentDateTime>2026-01-01T00:00:00Z</sr:CurrentDateTime>"
                "<sr:TolerancePeriod>1</sr:TolerancePeriod></sr:SynchroniseClock>",
            ),
            frozenset({"E12"}),
        ),
    }
    for name, (body, codes) in cases.items():
        yield Case(name, 9, "almost right", fixed(body), codes=codes)
    yield Case(
        "a Response",
        9,
        "only a Request is taken",
        fixed(forge.signed().replace(b"sr:Request", b"sr:Response", 1).replace(b"</sr:Request>", b"</sr:Response>")),
        NOT_XML,
        None,
    )
    for name, body in {
        "JSON": b'{"a": 1}',
        "nothing": b"",
        "text": b"hello",
        "half a document": forge.signed()[:300],
    }.items():
        yield Case(name, 9, "not a document", fixed(body), NOT_XML, None)


def mutants(forge: Forge, templates: list[Path], share: float, seed: int = 9) -> Iterator[Case]:
    """Published templates with one element removed, doubled or reordered, signed by the User: never a 5xx."""
    chance = random.Random(seed)
    signer = forge.signer()
    for template in templates:
        root = parse_document(template.read_bytes())
        for signature in root.findall(f"{{{DS}}}Signature"):
            root.remove(signature)
        for number in range(1, sum(1 for _ in root.iter())):
            for change in ("removed", "doubled", "reordered"):
                if chance.random() < share:
                    body = signer.sign(etree.tostring(_mutant(root, number, change)))
                    name = f"{template.name}: element {number} {change}"
                    yield Case(name, 9, "any code, but never a 5xx", fixed(body), frozenset({200, 400}), None)


def _mutant(root: Element, number: int, change: str) -> Element:
    mutant = copy.deepcopy(root)
    element = list(mutant.iter())[number]
    parent, following = element.getparent(), element.getnext()
    assert parent is not None
    if change == "removed":
        parent.remove(element)
    elif change == "doubled":
        element.addnext(copy.deepcopy(element))
    elif following is not None:
        element.addprevious(following)
    return mutant


GROUPS = (external, expansion, wrapping, signatures, canonicalisation, certificates, replay, nonsense)


def corpus(forge: Forge) -> list[Case]:
    """All cases but the mutants, in the order in which they must be sent."""
    return [case for group in GROUPS for case in group(forge)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the hostile corpus to a folder.")
    parser.add_argument("--keystore", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--user", default="90-B3-D5-1F-30-01-00-00")
    parser.add_argument("--other", default="90-B3-D5-1F-30-02-00-00")
    parser.add_argument("--device", default="00-DB-12-34-56-78-90-A0")
    given = parser.parse_args()
    euis = (Eui64.parse(text) for text in (given.user, given.other, given.device))
    given.out.mkdir(parents=True, exist_ok=True)
    index = []
    for number, case in enumerate(corpus(Forge(keystore.load(given.keystore), *euis))):
        file = f"{number:03d}.bin"
        (given.out / file).write_bytes(case.body)
        codes = None if case.codes is None else sorted(case.codes)
        index.append(
            {
                "file": file,
                "name": case.name,
                "group": case.group,
                "statuses": sorted(case.statuses),
                "codes": codes,
                "why": case.why,
            }
        )
    (given.out / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
