"""The members of electricity meter objects that are more than memory (gbcs.md sections 6.5, 6.6 and 14).

Importing this module fills the tables of :mod:`.dlms`.
"""

from __future__ import annotations

from .. import datum as d
from .. import times
from . import account, energy
from .dlms import (
    ACTIONS,
    CLASS_ACTIONS,
    READERS,
    SETTERS,
    TEMPORARY_FAILURE,
    TYPE_UNMATCHED,
    ItemRefused,
    get,
    store,
)
from .events import LOG_DEPTH
from .occasion import DOUBTFUL, RELIABLE, AlertOrder, Occasion
from .rules import Member, member, rules
from .state import Value
from .top_up import TopUpRefused, accept_utrn

_SUPPLY = member("70/0-0:96.3.10.255/3")
_CLOCK = member("8/0-0:1.0.0.255/2")
_STATUS = member("8/0-0:1.0.0.255/4")
_EMERGENCY_LIMIT = member("112/0-0:19.10.1.255/9")
CLOCK_ADJUSTED, CLOCK_NOT_ADJUSTED, EVENT_LOG_CLEARED = 0x8145, 0x81C6, 0x8F52


# -- identity and clock ----------------------------------------------------------------------------------------------


def _octets(text: str) -> d.Datum:
    return d.OctetString(text.encode())


def _firmware(occasion: Occasion) -> d.Datum:
    return d.OctetString(bytes.fromhex(firmware_version(occasion)))


def firmware_version(occasion: Occasion) -> str:
    """The running firmware version, hexadecimal."""
    return occasion.state.text("firmware/version", occasion.facts.firmware)


READERS[member("1/0-0:0.2.1.255/2")] = _firmware
READERS[member("1/0-0:96.1.1.255/2")] = lambda occasion: d.OctetString(occasion.facts.octets)
READERS[member("1/0-0:96.1.2.255/2")] = lambda occasion: _octets(occasion.facts.variant or "A")
READERS[member("1/0-0:96.1.4.255/2")] = lambda occasion: _octets(occasion.facts.manufacturer + occasion.facts.model)
READERS[member("1/0-0:96.1.6.255/2")] = lambda occasion: _octets(occasion.facts.manufacturer)
READERS[_CLOCK] = lambda occasion: d.OctetString(
    times.date_time_octets(occasion.device_time, occasion.clock_status or 0xFF)
)
READERS[_STATUS] = lambda occasion: d.Unsigned(occasion.clock_status)


def preset_adjusting_time(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """Keep the window within which the network's time has to lie for the clock to be set."""
    match value:
        case d.Structure((d.OctetString(_), d.OctetString(earliest), d.OctetString(latest))):
            window = times.instant(earliest), times.instant(latest)
        case _:
            raise ItemRefused(TYPE_UNMATCHED)
    if window[0] is None or window[1] is None:
        raise ItemRefused(TYPE_UNMATCHED)
    occasion.state.put("clock/window", [times.seconds_since_2000(at) for at in window if at is not None])
    return d.NULL


def adjust_to_preset_time(occasion: Occasion, _: Member, __: d.Datum) -> d.Datum:
    """Take the network's time if it lies in the window."""
    window = occasion.state.entries("clock/window")
    if len(window) != 2:
        raise ItemRefused(TEMPORARY_FAILURE)
    earliest, latest = window
    assert isinstance(earliest, int)
    assert isinstance(latest, int)
    set_clock(occasion, earliest, latest)
    return d.NULL


def set_clock(occasion: Occasion, earliest: int, latest: int) -> bool:
    """Set the Device's clock by the network's, or leave it and call it doubtful (gbcs.md section 14, *Clock*)."""
    done = earliest <= occasion.seconds <= latest
    if done:
        occasion.state.put("clock/offset", 0)
    occasion.state.put("clock/status", RELIABLE if done else DOUBTFUL)
    occasion.note("event", CLOCK_ADJUSTED if done else CLOCK_NOT_ADJUSTED)
    return done


ACTIONS[member("8/0-0:1.0.0.255/5")] = preset_adjusting_time
ACTIONS[member("8/0-0:1.0.0.255/4")] = adjust_to_preset_time


# -- registers -------------------------------------------------------------------------------------------------------


def _register(occasion: Occasion, name: str) -> d.DoubleLongUnsigned:
    value = energy.cumulative(occasion.facts, occasion.state, name, occasion.seconds)
    return d.DoubleLongUnsigned(value % 2**32)


_SCALERS = {
    name: d.settled(d.structure(d.Integer(quantity.scaler), d.Enum(quantity.unit)))
    for name, quantity in energy.QUANTITIES.items()
}


def _import_registers(occasion: Occasion) -> d.Datum:
    active, reactive = "active-import", "reactive-import"
    return d.structure(_register(occasion, active), _SCALERS[active], _register(occasion, reactive), _SCALERS[reactive])


def _tou_registers(occasion: Occasion) -> d.Datum:
    day, night = energy.night_share(occasion.facts, occasion.state, "active-import", occasion.seconds)
    primary = d.array([d.DoubleLongUnsigned(value) for value in (day, night, *[0] * 46)])
    if not occasion.facts.is_twin_element:
        return d.structure(primary)
    second = energy.cumulative(occasion.facts, occasion.state, "second-element", occasion.seconds)
    return d.structure(primary, d.array([d.DoubleLongUnsigned(value) for value in (second, 0, 0, 0)]))


def _block_registers(occasion: Occasion) -> d.Datum:
    """The block registers: 8 columns of time of use by 8 rows, all consumption in the first block."""
    day, night = energy.night_share(occasion.facts, occasion.state, "active-import", occasion.seconds)
    return d.structure(d.array([d.DoubleLongUnsigned(value) for value in (day, night, *[0] * 62)]))


def _power(occasion: Occasion) -> d.Datum:
    watts = d.DoubleLongUnsigned(energy.power(occasion.facts, occasion.seconds))
    return d.structure(watts, d.structure(d.Integer(0), d.Enum(27)), watts)


def _prepayment_registers(occasion: Occasion) -> d.Datum:
    return d.structure(*(d.DoubleLong(value) for value in account.balances(occasion.state)))


READERS[member("3/1-0:2.8.0.255/2")] = lambda occasion: _register(occasion, "active-export")
READERS[member("3/1-0:4.8.0.255/2")] = lambda occasion: _register(occasion, "reactive-export")
READERS[member("1/0-0:94.44.34.10/2")] = _import_registers
READERS[member("1/0-0:94.44.34.1/2")] = _tou_registers
READERS[member("1/0-0:94.44.34.2/2")] = _block_registers
READERS[member("1/0-0:94.44.34.20/2")] = _power
READERS[member("1/0-0:94.44.34.30/2")] = _prepayment_registers
READERS[member("112/0-0:19.10.0.255/2")] = lambda occasion: d.DoubleLong(account.amount(occasion.state, "balance"))


def _active_price(occasion: Occasion) -> d.Datum:
    """The price of the first time-of-use register of the price matrix, which applies now in the model."""
    match get(occasion, member("113/0-0:19.20.0.255/5")):
        case d.Structure((_, _, d.Array((d.Structure((_, d.Long(price))), *_)))):
            return d.DoubleLongUnsigned(max(0, price))
        case _:
            return d.DoubleLongUnsigned(0)


READERS[member("3/0-0:94.44.1.7/2")] = _active_price


def _reset(occasion: Occasion, of: Member, _: d.Datum) -> d.Datum:
    """Reset a counter or a maximum: value 0 and, for class 4, the capture time and the time stamp of the reset."""
    store(occasion, Member(of.class_id, of.obis, 2), d.DoubleLongUnsigned(0))
    if of.class_id == 4:
        now = d.OctetString(times.date_time_octets(occasion.device_time))
        store(occasion, Member(4, of.obis, 5), now)
        stamp = {(1, 0): 0, (1, 1): 1, (2, 0): 2}[of.obis[2], of.obis[4]]
        store(occasion, member(f"1/0-0:94.44.5.{stamp}/2"), now)
    return d.NULL


CLASS_ACTIONS[3, 1] = _reset
CLASS_ACTIONS[4, 1] = _reset


def _clear_log(occasion: Occasion, of: Member, _: d.Datum) -> d.Datum:
    """Clear a log; the clearing of the event log is its first new entry."""
    name = rules().logs[Member(7, of.obis, 2)].of
    occasion.state.put(f"log/{name}", [])
    if name == "event":
        occasion.note("event", EVENT_LOG_CLEARED)
    return d.NULL


CLASS_ACTIONS[7, 1] = _clear_log


# -- account ---------------------------------------------------------------------------------------------------------

_CREDITS = {0: "balance", 1: "emergency-credit", 2: "accumulated-debt"}
_DEBTS = {1: "time-debt-1", 2: "time-debt-2", 3: "payment-debt"}


def _number(value: d.Datum) -> int:
    if isinstance(value, d.DoubleLong | d.Integer):
        return value.value
    raise ItemRefused(TYPE_UNMATCHED)


def _adjust_credit(occasion: Occasion, of: Member, value: d.Datum) -> d.Datum:
    account.add(occasion.state, _CREDITS[of.obis[4]], _number(value))
    return d.NULL


def _set_credit(occasion: Occasion, of: Member, value: d.Datum) -> d.Datum:
    account.set_amount(occasion.state, _CREDITS[of.obis[4]], _number(value))
    return d.NULL


def _activate_emergency_credit(occasion: Occasion, _: Member, __: d.Datum) -> d.Datum:
    limit = get(occasion, _EMERGENCY_LIMIT)
    amount = limit.value if isinstance(limit, d.DoubleLong) else account.EMERGENCY_CREDIT_LIMIT
    account.set_amount(occasion.state, "emergency-credit", amount)
    return d.NULL


def _add_debt(occasion: Occasion, of: Member, value: d.Datum) -> d.Datum:
    account.add(occasion.state, _DEBTS[of.obis[4]], _number(value))
    return d.NULL


def _top_up(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """Enter a UTRN; one that is not accepted is answered with action result 1 (gbcs.md section 13)."""
    assert isinstance(value, d.OctetString)
    try:
        accept_utrn(occasion, value.value)
    except TopUpRefused:
        raise ItemRefused(1) from None
    return d.NULL


CLASS_ACTIONS[112, 1] = _adjust_credit
CLASS_ACTIONS[112, 2] = _set_credit
CLASS_ACTIONS[112, 3] = _activate_emergency_credit
CLASS_ACTIONS[113, 2] = lambda *_: d.NULL
CLASS_ACTIONS[113, 4] = _add_debt
CLASS_ACTIONS[115, 1] = _top_up


# -- switches --------------------------------------------------------------------------------------------------------

_SUPPLY_STATES = {51: 1, 52: 0, 54: 2}
LIMIT_PROCESSED, _ECS101, _SUPPLIER = 0x8F86, 0x0121, 2


def _script(value: d.Datum) -> int:
    assert isinstance(value, d.LongUnsigned)
    return value.value


def _load_switch(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """Close (51), open (52) or arm (54) the load switch; its state is 1, 0 or 2 (ready for reconnection)."""
    state = _SUPPLY_STATES.get(_script(value))
    if state is None:
        raise ItemRefused(TYPE_UNMATCHED)
    store(occasion, _SUPPLY, d.Enum(state))
    return d.NULL


def _tariff_script(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    if _script(value) != 99:
        raise ItemRefused(TYPE_UNMATCHED)
    occasion.state.put("blocks/reset", occasion.seconds)
    return d.NULL


def _controller_script(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """256 N + 11 activate, + 12 deactivate, + 20 reset; the proportional forms 1000 and 2000 + 256 N + level."""
    script = _script(value)
    number, action = (script >> 8) & 0x0F, script & 0xFF
    if not 1 <= number <= 5:
        raise ItemRefused(TYPE_UNMATCHED)
    if script >= 0x1000:
        occasion.state.put(f"apc/{number}", script)
    elif action in (0x11, 0x12):
        store(occasion, member(f"70/0-{number}:96.3.10.255/2"), d.Boolean(action == 0x11))
    elif action != 0x20:
        raise ItemRefused(TYPE_UNMATCHED)
    entry: list[Value] = [occasion.seconds, script, 0, occasion.seconds]
    occasion.state.put("log/alcs", [*occasion.state.entries("log/alcs"), entry][-LOG_DEPTH:])
    return d.NULL


def _limit_script(occasion: Occasion, of: Member, value: d.Datum) -> d.Datum:
    """ECS47e: limit a proportional controller from start to end; the Supplier is told by ECS101."""
    _controller_script(occasion, of, value)
    script = _script(value)
    number, is_output = (script >> 8) & 0x0F, bool(script & 0x1000)
    times_ = [_set_time(occasion, f"1/0-0:94.44.{116 + number}.{which}/2") for which in (3, 4)]
    controller = d.Unsigned((0x10 if is_output else 0x20) + number)
    content: tuple[d.Datum, ...] = (controller, *times_, d.Unsigned(script & 0x7F))
    occasion.alerts.append(AlertOrder(LIMIT_PROCESSED, message_code=_ECS101, content=content, role=_SUPPLIER))
    return d.NULL


def _set_time(occasion: Occasion, name: str) -> d.OctetString:
    stored = occasion.state.octets(f"dlms/{name}")
    value = d.NULL if stored is None else d.decode(stored)
    return value if isinstance(value, d.OctetString) else d.OctetString(times.NEVER)


ACTIONS[member("9/0-0:10.0.106.255/1")] = _load_switch
ACTIONS[member("9/0-0:10.0.100.255/1")] = _tariff_script
ACTIONS[member("9/0-0:10.0.103.255/1")] = _controller_script
ACTIONS[member("9/0-0:10.0.107.255/1")] = _limit_script


# -- configuration of alerts -----------------------------------------------------------------------------------------


def _configure_alerts(occasion: Occasion, of: Member, value: d.Datum) -> None:
    """512 bits: 256 that say what changes, 256 values; the merged values are read at another object (section 14)."""
    assert isinstance(value, d.BitString)
    if len(value.bits) != 512:
        raise ItemRefused(TYPE_UNMATCHED)
    target = Member(1, bytes((*of.obis[:4], of.obis[4] + 4, of.obis[5])), 2)
    present = get(occasion, target)
    assert isinstance(present, d.BitString)
    change, new = value.bits[:256], value.bits[256:]
    merged = "".join(n if c == "1" else p for c, n, p in zip(change, new, present.bits, strict=True))
    store(occasion, of, value)
    store(occasion, target, d.BitString(merged))


for _group in (30, 33):
    for _kind in (11, 12, 13, 14):
        SETTERS[member(f"1/0-{_group}:97.98.{_kind}.255/2")] = _configure_alerts
