"""Use cases that are answered from state: what a Command does, and what it answers when it cannot be done."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from dccemu_protocol.gbcs import crypto, der, dlms, gbz, times, utrn, zcl
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import der_types as t
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.respond import Draft, carry_out, rules
from dccemu_protocol.gbcs.respond.energy import cumulative, night_share
from dccemu_protocol.gbcs.respond.events import note, noted
from dccemu_protocol.gbcs.respond.keys import own_key
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, assemble, csr, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name

ESME, GSME, CHF, GPF = (f"00db1234567890a{n}" for n in range(4))
SUPPLIER = "90b3d51f30010000"
NETWORK_OPERATOR = "90b3d51f30020000"


def command(eui: str, code: int, payload: bytes, counter: int = 1000) -> GbcsMessage:
    return GbcsMessage(
        CRA.COMMAND, counter, Eui64.from_hex(SUPPLIER), Eui64.from_hex(eui), OtherInformation(code), payload
    )


class Run:
    """A Device that takes Commands without the checks before them; changes are kept."""

    def __init__(self, device) -> None:
        self.device = device
        self.alerts: list[int] = []

    def do(self, code: int, payload: bytes, role: int = 2, counter: int = 1000) -> bytes:
        draft = self.device.draft()
        occasion = self.device.occasion(command(self.device.facts.eui, code, payload, counter), role, draft)
        answer = carry_out(occasion)
        self.device.keep(draft)
        self.alerts += [order.code for order in occasion.alerts]
        return answer.payload

    def der(self, code: int, request: t.DerValue) -> t.DerValue:
        return der.decode(self.do(code, der.encode(request, code, CRA.COMMAND)), code, CRA.RESPONSE)

    def gbz(self, code: int, *components: gbz.Component) -> list[zcl.ZclPayload]:
        answer = gbz.decode(self.do(code, gbz.encode(gbz.GbzPayload(components))))
        return [component.zcl() for component in answer.components]

    def dlms(self, code: int, *items: tuple[dlms.Operation, str, d.Datum]) -> dlms.AccessResponse:
        specifications = []
        for operation, name, _ in items:
            kind, obis, number = name.split("/")
            octets = bytes(int(group) for group in obis.replace("-", ".").replace(":", ".").split("."))
            specifications.append(dlms.Specification(operation, int(kind), octets, int(number)))
        request = dlms.AccessRequest(dlms.invoke_id(1000), tuple(specifications), tuple(value for *_, value in items))
        answer = dlms.decode(self.do(code, dlms.encode(request)))
        assert isinstance(answer, dlms.AccessResponse)
        return answer


@pytest.fixture
def esme(bench) -> Run:
    return Run(bench(ESME))


@pytest.fixture
def gsme(bench) -> Run:
    return Run(bench(GSME))


@pytest.fixture
def gpf(bench) -> Run:
    return Run(bench(GPF))


@pytest.fixture
def chf(bench) -> Run:
    return Run(bench(CHF))


GET, SET, ACTION = dlms.Operation.GET, dlms.Operation.SET, dlms.Operation.ACTION


# -- registers -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 4 * 365 * 86_400), st.integers(0, 86_400 * 40))
def test_registers_never_fall_and_tiers_sum_to_the_whole(bench, start, step):
    device = bench(ESME)
    begin = device.facts.installed + start
    state = Draft({})

    before = cumulative(device.facts, state, "active-import", begin)
    after = cumulative(device.facts, state, "active-import", begin + step)

    assert 0 <= before <= after
    assert sum(night_share(device.facts, state, "active-import", begin + step)) == after


def test_a_gas_proxy_mirrors_the_registers_of_its_meter(bench):
    meter, proxy = bench(GSME), bench(GPF)
    proxy.facts = replace(proxy.facts, source=GSME)
    at = times.seconds_since_2000(meter.at)

    assert cumulative(meter.facts, Draft({}), "gas", at) == cumulative(proxy.facts, Draft({}), "gas", at) > 0


# -- electricity -----------------------------------------------------------------------------------------------------


def test_unknown_objects_are_undefined_and_stop_the_rest(esme):
    answer = esme.dlms(0x0059, (GET, "1/9-9:9.9.9.9/2", d.NULL), (GET, "1/0-0:0.2.1.255/2", d.NULL))

    assert [result.result for result in answer.results] == [4, 250]
    assert answer.data == (d.NULL, d.NULL)


def test_a_value_of_the_wrong_type_is_not_matched(esme):
    answer = esme.dlms(0x004C, (SET, "1/0-0:94.44.34.11/2", d.Unsigned(1)))

    assert [result.result for result in answer.results] == [12]


def test_clearing_the_event_log_leaves_one_entry_that_says_so(esme):
    esme.dlms(0x0024, (ACTION, "7/0-0:99.98.0.255/1", d.Integer(0)))

    assert [entry[1] for entry in noted(Draft(esme.device.stored), "event")] == [0x8F52]


def test_supply_is_disabled_armed_and_enabled(esme):
    states = []
    for code, script in ((0x0050, 52), (0x0051, 54), (0x004F, 51)):
        esme.dlms(code, (ACTION, "9/0-0:10.0.106.255/1", d.LongUnsigned(script)))
        states.append(esme.dlms(0x0052, (GET, "70/0-0:96.3.10.255/3", d.NULL)).data[0])

    assert states == [d.Enum(0), d.Enum(2), d.Enum(1)]


def test_alert_configuration_is_merged_and_read_back(esme):
    change = "1" + "0" * 254 + "1"
    esme.dlms(0x00AC, (SET, "1/0-30:97.98.11.255/2", d.BitString(change + "1" * 256)))
    esme.dlms(0x00AC, (SET, "1/0-30:97.98.11.255/2", d.BitString("1" + "0" * 255 + "0" * 256)))

    answer = esme.dlms(0x00EE, (GET, "1/0-30:97.98.15.255/2", d.NULL))

    assert answer.data == (d.BitString("0" * 255 + "1"),)


def test_debts_and_balances_add_up(esme):
    before = esme.dlms(0x0069, (GET, "112/0-0:19.10.0.255/2", d.NULL)).data[0]
    esme.dlms(0x001C, (ACTION, "112/0-0:19.10.0.255/1", d.DoubleLong(-2500)))

    after = esme.dlms(0x0069, (GET, "112/0-0:19.10.0.255/2", d.NULL)).data[0]

    assert after.value == before.value - 2500


# -- top-up ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_top_up(bench):
    """A Device of an EUI-64 with a top-up key of the Supplier's in its cell, and the Supplier's key."""

    def make(eui: str) -> tuple[Run, ec.EllipticCurvePrivateKey]:
        private = ec.generate_private_key(ec.SECP256R1())
        root = ec.generate_private_key(ec.SECP256R1())
        device = bench(eui)
        content = profiles.root_content(
            name=authority_name("TEST", 0), key=root.public_key(), serial=1, start=device.at
        )
        issuer = parse(assemble(content, signer(root)(content)))
        content = profiles.organisation_content(
            issuer=issuer,
            eui=Eui64.from_hex(SUPPLIER),
            role=2,
            usage=Usage.KEY_AGREEMENT,
            key=private.public_key(),
            serial=2,
            start=device.at,
        )
        certificate = assemble(content, signer(root)(content))
        device.stored["cell/2/keyAgreement/1"] = {"eui": SUPPLIER, "ski": "", "der": certificate.hex()}
        return Run(device), private

    return make


def code_for(run: Run, private, pence: int, counter: int) -> bytes:
    public = own_key(run.device.draft(), "keyAgreement").public_key()
    secret = crypto.shared_secret(private, public)
    return utrn.generate(
        pence, counter << 32, Eui64.from_hex(SUPPLIER), Eui64.from_hex(run.device.facts.eui), secret
    ).encode()


def test_a_top_up_is_added_once(with_top_up):
    run, private = with_top_up(ESME)
    digits = d.OctetString(code_for(run, private, 1000, 5))
    balance = (GET, "112/0-0:19.10.0.255/2", d.NULL)
    before = run.dlms(0x0069, balance).data[0].value

    first = run.dlms(0x0007, (ACTION, "115/0-0:19.40.0.255/1", digits))
    again = run.dlms(0x0007, (ACTION, "115/0-0:19.40.0.255/1", digits))

    assert [first.results[0].result, again.results[0].result] == [0, 1]
    assert run.dlms(0x0069, balance).data[0].value == before + 1_000_000
    assert run.alerts == [0x8F51]


def test_a_code_for_another_device_is_not_authentic(with_top_up):
    run, _ = with_top_up(ESME)
    other, private = with_top_up(ESME)

    answer = run.dlms(0x0007, (ACTION, "115/0-0:19.40.0.255/1", d.OctetString(code_for(other, private, 1000, 5))))

    assert answer.results[0].result == 1
    assert run.alerts == [0x8F63]


def test_a_top_up_over_the_maximum_credit_is_refused(with_top_up):
    run, private = with_top_up(ESME)

    answer = run.dlms(0x0007, (ACTION, "115/0-0:19.40.0.255/1", d.OctetString(code_for(run, private, 60_000, 5))))

    assert (answer.results[0].result, run.alerts) == (1, [0x8F5B])


def test_gas_answers_a_bad_code_with_minus_one(with_top_up):
    run, private = with_top_up(GSME)
    good = code_for(run, private, 500, 9)
    bad = good[:-1] + (b"1" if good[-1:] != b"1" else b"2")
    top_up = gbz.cluster_command("ConsumerTopUp", {"originatingDevice": 0, "topUpCode": bad}, 0)

    (refused,) = run.gbz(0x0097, top_up)
    (taken,) = run.gbz(0x0097, gbz.cluster_command("ConsumerTopUp", {"originatingDevice": 0, "topUpCode": good}, 0))

    assert refused.fields == {"resultType": 1, "topUpValue": -1, "sourceOfTopUp": 0, "creditRemaining": -1}
    assert (taken.fields["resultType"], taken.fields["topUpValue"]) == (0, 500_000)


# -- gas -------------------------------------------------------------------------------------------------------------


def test_a_failing_component_fails_those_after_it(gsme):
    gsme.device.stored["failures"] = {"0705/01/02": 0xC0}
    debt = {
        "issuerEventId": 1,
        "debtLabel": b"",
        "debtAmount": 1,
        "debtRecoveryMethod": 0,
        "debtAmountType": 1,
        "debtRecoveryStartTime": 0,
        "collectionTime": 0,
        "recoveryFrequency": 1,
        "recoveryAmount": 1,
        "recoveryBalancePercentage": 0,
    }

    answers = gsme.gbz(0x006E, *(gbz.cluster_command("ChangeDebt", debt, number) for number in range(3)))

    assert answers == [zcl.DefaultResponse(2, 0xC0), zcl.DefaultResponse(0xFF, 1), zcl.DefaultResponse(0xFF, 1)]


def test_unsupported_attributes_have_a_status_and_no_value(gsme):
    (answer,) = gsme.gbz(0x007B, gbz.read_attributes(0x0700, (0x0304, 0x7777), 0))

    assert [(record.attribute, record.status) for record in answer.records] == [(0x0304, 0), (0x7777, 0x86)]


def test_calorific_value_is_read_as_it_was_published(gsme):
    fields = {"issuerEventId": 1, "startTime": 0, "calorificValue": 402, "unit": 1, "trailingDigit": 16}
    gsme.gbz(0x007C, gbz.cluster_command("PublishCalorificValue", fields, 0))

    (answer,) = gsme.gbz(0x007B, gbz.read_attributes(0x0700, (0x0304,), 0))

    assert answer.records[0].value == 402


def test_a_gas_event_log_is_cleared_and_the_security_log_is_not(gsme):
    (cleared,) = gsme.gbz(0x0015, gbz.cluster_command("ClearEventLogRequest", {"logId": 3}, 0))
    (kept,) = gsme.gbz(0x0015, gbz.cluster_command("ClearEventLogRequest", {"logId": 4}, 0))

    assert (cleared.fields["clearedEventLogs"], kept.fields["clearedEventLogs"]) == (8, 0)
    assert len(noted(Draft(gsme.device.stored), "event")) == 1
    assert len(noted(Draft(gsme.device.stored), "security")) > 1


def test_a_log_of_events_keeps_the_newest_hundred_after_those_of_a_new_device():
    draft = Draft({"log/event": [[100, 0x8183, ""], [200, 0x8154, "009b"]]})

    for number in range(99):
        note(draft, "event", times.from_seconds(1000 + number), 0x8145, "ab" if number == 98 else "")

    assert noted(draft, "event")[:2] == [[200, 0x8154, "009b"], [1000, 0x8145, ""]]
    assert noted(draft, "event")[-1] == [1098, 0x8145, "ab"]
    assert len(noted(draft, "event")) == 100
    assert noted(Draft({"log/event": []}), "event") == []


def test_a_log_of_events_that_was_given_as_a_list_is_gone_on_with():
    draft = Draft({"log/power": [[100, 7], [200, 8, "ab"]]})

    note(draft, "power", times.from_seconds(300), 9)

    assert noted(draft, "power") == [[100, 7], [200, 8, "ab"], [300, 9, ""]]


# -- credentials, joins, firmware ------------------------------------------------------------------------------------


def test_a_new_key_is_used_after_its_certificate_came(bench):
    run = Run(bench(ESME))
    request = run.der(0x000A, t.KeyUsageRequest(t.KeyUsage.DIGITAL_SIGNATURE))
    assert isinstance(request, t.CertificationRequest)
    wanted = csr.read(request.der)
    root = ec.generate_private_key(ec.SECP256R1())
    content = profiles.root_content(
        name=authority_name("TEST", 0), key=root.public_key(), serial=1, start=run.device.at
    )
    issuer = parse(assemble(content, signer(root)(content)))
    content = profiles.device_content(
        issuer=issuer, eui=wanted.eui, usage=wanted.usage, key=wanted.public_key, serial=2, start=run.device.at
    )
    certificate = t.Certificate(assemble(content, signer(root)(content)))

    taken = run.der(0x000B, certificate)
    shown = run.der(0x000C, t.KeyUsageRequest(t.KeyUsage.DIGITAL_SIGNATURE))

    assert taken == t.ResponseCode(0)
    assert shown == certificate
    assert own_key(run.device.draft(), "digitalSignature").public_key() == wanted.public_key


def test_certificates_that_do_not_fit_get_their_codes(bench):
    run = Run(bench(ESME))

    assert run.der(0x000A, t.KeyUsageRequest(t.KeyUsage.KEY_CERT_SIGN)) == t.ResponseCode(1)
    assert run.der(0x000C, t.KeyUsageRequest(t.KeyUsage.DIGITAL_SIGNATURE)) == t.ResponseCode(2)


def test_joins_fill_the_log_and_unjoins_empty_it(gpf):
    other = Eui64.from_hex("0011223344556677")

    joined = gpf.der(0x000E, t.JoinDevice(t.JoinMethod.METHOD_B, other, 6))
    wrong = gpf.der(0x000E, t.JoinDevice(t.JoinMethod.METHOD_C, other, 6))
    listed = gpf.der(0x0013, t.Nothing())
    left = gpf.der(0x0010, t.UnjoinDevice(other))
    again = gpf.der(0x0010, t.UnjoinDevice(other))

    assert [joined, wrong, left, again] == [t.ResponseCode(0), t.ResponseCode(1), t.ResponseCode(0), t.ResponseCode(1)]
    assert t.DeviceLogEntry(other, 6) in listed.entries
    assert gpf.alerts == [0x8071, 0x8071]


def test_method_c_needs_a_key_agreement_certificate(gsme):
    other = Eui64.from_hex("0011223344556677")

    assert gsme.der(0x00AF, t.JoinDevice(t.JoinMethod.METHOD_C, other, 5)) == t.ResponseCode(11)


def test_firmware_is_activated_only_when_that_image_is_held(esme):
    wanted = bytes(range(32))
    none_held = esme.der(0x0012, t.ActivateFirmware(wanted, 1))
    esme.device.stored["firmware/image"] = {"hash": "00" * 32, "version": "00000002"}
    other_held = esme.der(0x0012, t.ActivateFirmware(wanted, 2))
    esme.device.stored["firmware/image"] = {"hash": wanted.hex(), "version": "00000003"}
    done = esme.der(0x0012, t.ActivateFirmware(wanted, 3))

    assert [none_held.code, other_held.code, done.code] == [1, 2, 0]
    assert done.version == bytes.fromhex("00000003")
    assert esme.dlms(0x0059, (GET, "1/0-0:0.2.1.255/2", d.NULL)).data == (d.OctetString(bytes.fromhex("00000003")),)


def test_a_hub_keeps_its_device_log_and_backs_it_up(chf):
    eui = bytes.fromhex("0011223344556677")
    register = d.structure(d.OctetString(eui), d.Enum(1), d.OctetString(b"0123456789ABCDEF"), d.Enum(0))
    network = "104/0-0:30.3.0.255"

    for _ in range(2):
        chf.dlms(0x0001, (ACTION, f"{network}/1", register), (SET, f"{network}/3", d.LongUnsigned(90)))
    listed = chf.dlms(0x010F, (GET, f"{network}/4", d.NULL)).data[0]
    chf.dlms(0x0002, (ACTION, f"{network}/2", d.OctetString(eui)))

    assert [entry.elements[0].value for entry in listed.elements] == [eui]
    assert chf.alerts == [0x8F12, 0x8F12]
    historic = chf.dlms(0x00FE, (ACTION, "104/0-0:30.3.1.255/4", d.NULL)).data[0]
    assert [entry.elements[0].value for entry in historic.elements[2].elements] == [eui]


def test_gas_clock_follows_the_network_within_the_window(gsme):
    gsme.device.stored["clock/offset"] = 75
    at = gsme.device.at

    done = gsme.der(0x007F, t.SetTime(at - timedelta(seconds=5), at + timedelta(seconds=5)))
    outside = gsme.der(0x007F, t.SetTime(at + timedelta(hours=1), at + timedelta(hours=2)))

    assert done == t.SetTimeResult(at, 0)
    assert outside.status == 2


# -- every use case --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(rules().messages)), st.binary(max_size=80))
def test_payloads_that_are_garbage_raise_only_the_codecs_errors(bench, code, payload):
    entry = rules().messages[code]
    device = bench({"ESME": ESME, "GSME": GSME, "CHF": CHF, "GPF": GPF}.get(sorted(entry.devices)[0], ESME))

    with suppress(GbcsError, LookupError):
        Run(device).do(code, payload)


@pytest.fixture(scope="session")
def published(vectors) -> list[GbcsMessage]:
    paths = sorted((vectors / "rtds").glob("*/*_COMMAND_GBCS.HEX"))
    found = [decode(bytes.fromhex(path.read_text())) for path in paths if "PRECOMMAND" not in path.name]
    return [one for one in found if one.message_code in rules().messages and one.cra is CRA.COMMAND]


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_mutants_of_published_payloads_raise_only_the_codecs_errors(bench, published, data):
    message = data.draw(st.sampled_from(published))
    place = data.draw(st.integers(0, len(message.payload) - 1))
    octets = bytearray(message.payload)
    octets[place] ^= data.draw(st.integers(1, 255))
    device = bench(message.target.hex)

    with suppress(GbcsError, LookupError):
        Run(device).do(message.message_code, bytes(octets))


def test_the_data_file_names_every_message_code_once_with_roles_and_devices():
    messages = rules().messages

    assert len(messages) == 203
    for entry in messages.values():
        assert entry.roles, entry
        assert entry.devices, entry
        assert entry.protocol in ("DLMS", "GBZ", "DER")


def test_a_value_that_is_already_stored_is_no_change() -> None:
    draft = Draft({"clock/status": 0, "flag": True, "text": "ab"})
    for name, value in (("clock/status", 0), ("flag", True), ("text", "ab")):
        draft.put(name, value)
    assert draft.changes == {}

    draft.put("flag", 1)
    draft.put("clock/status", 2)
    draft.put("clock/status", 0)

    assert draft.changes == {"flag": 1, "clock/status": 0}
    assert draft.get("clock/status") == 0
