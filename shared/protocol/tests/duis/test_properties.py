"""What holds for every value: times, identifiers, answers and signatures survive the way there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dccemu_protocol.duis import (
    AnsweredRequest,
    parse_document,
    read_date_time,
    read_response,
    responses,
    validate,
    write_date_time,
)
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.xmldsig import XMLSigner, name_key, verify

KEY = ec.derive_private_key(4242, ec.SECP256R1())
SIGNER = XMLSigner(KEY, "CN=Z1,OU=07", 7)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
EUIS = st.binary(min_size=8, max_size=8).map(Eui64)
REQUESTS = st.builds(RequestId, EUIS, EUIS, st.integers(0, 2**64 - 1))
XML_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\t\n\r"), max_size=40)


class One:
    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey:
        return KEY.public_key()


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_time_reads_back_in_any_zone(at: datetime, minutes: int) -> None:
    elsewhere = at.astimezone(timezone(timedelta(minutes=minutes)))

    assert read_date_time(elsewhere.isoformat()) == at
    assert read_date_time(write_date_time(at)) == at.replace(microsecond=at.microsecond // 1000 * 1000)


@given(REQUESTS)
def test_identifiers_read_back(request_id: RequestId) -> None:
    assert RequestId.parse(str(request_id)) == request_id
    assert RequestId.parse(str(request_id).lower()) == request_id


@given(REQUESTS, MOMENTS, st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_a_signed_response_reads_back(request_id: RequestId, at: datetime, payload: bytes, counter: int) -> None:
    answered = AnsweredRequest(request_id, "4.1", "4.1.1", "5.4")
    signed = SIGNER.sign_canonical(responses.future_dated_alert(answered, payload, 0x8F66, counter, counter, at))

    root = verify(parse_document(signed), One()).root

    validate(root)
    read = read_response(root)
    assert (read.request_id, read.gbcs_payload) == (request_id, payload)


@given(XML_TEXT)
def test_any_text_survives_canonicalisation_and_signing(text: str) -> None:
    root = etree.Element("a")
    etree.SubElement(root, "b").text = text
    signed = SIGNER.sign(etree.tostring(root))

    assert (verify(parse_document(signed), One()).root.findtext("b") or "") == text


@given(st.binary(max_size=400))
def test_octets_are_parsed_or_refused(data: bytes) -> None:
    try:
        parse_document(data)
    except ProtocolError as error:
        assert error.rule in {"NOT_XML", "DOCUMENT_TOO_LARGE", "DOCUMENT_TOO_DEEP"}  # noqa: PT017


@given(
    st.lists(st.tuples(st.sampled_from(["CN", "OU", "O", "2.5.4.45"]), st.text('ab,+\\ "=;', min_size=1)), min_size=1)
)
def test_a_name_is_itself_in_other_spellings(parts: list[tuple[str, str]]) -> None:
    def spell(separator: str, quoted: bool) -> str:
        def value(text: str) -> str:
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"' if quoted else "".join("\\" + one if one in ',+;"\\ =' else one for one in text)

        return separator.join(f"{kind}={value(text)}" for kind, text in parts)

    assert (
        name_key(spell(",", quoted=True)) == name_key(spell(", ", quoted=False)) == name_key(spell(" ; ", quoted=True))
    )
