"""The few functions of PKCS#11 (Cryptoki 2.40) that a key store needs, over the module's C interface.

No Python binding is required: the module is a shared library whose functions are called by name. Only what is used
here is declared: sessions, login, objects by label, P-256 key pairs and ECDSA on a digest.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_ubyte, c_ulong, c_void_p
from pathlib import Path

from dccemu_protocol.errors import EmulatorError

_OK, _ALREADY_INITIALIZED, _ALREADY_LOGGED_IN = 0x000, 0x191, 0x100
_SERIAL_RW_SESSION, _USER = 0x4 | 0x2, 1
_KEY_PAIR_GEN, _ECDSA = 0x1040, 0x1041
PUBLIC_KEY, PRIVATE_KEY, _EC = 2, 3, 3
_CLASS, _TOKEN, _PRIVATE, _LABEL, _KEY_TYPE = 0x000, 0x001, 0x002, 0x003, 0x100
_SENSITIVE, _SIGN, _VERIFY, _EXTRACTABLE, _EC_PARAMS, _EC_POINT = 0x103, 0x108, 0x10A, 0x162, 0x180, 0x181
_P256 = bytes.fromhex("06082A8648CE3D030107")
_YES, _NO = b"\x01", b"\x00"


class _Attribute(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class _Mechanism(ctypes.Structure):
    _fields_ = (("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class CryptokiError(EmulatorError):
    """The module answered with an error, or cannot be used."""


def _number(value: int) -> bytes:
    return bytes(c_ulong(value))


class Cryptoki:
    """A session with one token, used by one thread at a time.

    Raises
    ------
    CryptokiError
        When the module cannot be loaded, has no token of that label, or refuses the PIN.
    """

    def __init__(self, module: Path, token: str, pin: str) -> None:
        try:
            self._library = ctypes.CDLL(str(module))
        except OSError as error:
            raise CryptokiError(f"the PKCS#11 module {module} cannot be loaded: {error}") from error
        self._lock = threading.Lock()
        self._session = c_ulong()
        self._call("C_Initialize", None, allowed=(_ALREADY_INITIALIZED,))
        try:
            self._open(token, pin.encode())
        except CryptokiError:
            # A module that stays initialised would go on with the tokens of this try.
            self._call("C_Finalize", None)
            raise

    def _open(self, token: str, secret: bytes) -> None:
        slot = self._slot(token)
        self._call("C_OpenSession", c_ulong(slot), c_ulong(_SERIAL_RW_SESSION), None, None, byref(self._session))
        self._call(
            "C_Login", self._session, c_ulong(_USER), secret, c_ulong(len(secret)), allowed=(_ALREADY_LOGGED_IN,)
        )

    def close(self) -> None:
        """End the session and let the module go."""
        with self._lock:
            self._call("C_CloseSession", self._session)
            self._call("C_Finalize", None)

    def find(self, kind: int, label: str) -> int | None:
        """The handle of an object by its class and label."""
        attributes = self._template([(_CLASS, _number(kind)), (_LABEL, label.encode())])
        found, count = c_ulong(), c_ulong()
        with self._lock:
            self._call("C_FindObjectsInit", self._session, attributes, c_ulong(len(attributes)))
            try:
                self._call("C_FindObjects", self._session, byref(found), c_ulong(1), byref(count))
            finally:
                self._call("C_FindObjectsFinal", self._session)
        return found.value if count.value else None

    def generate(self, label: str) -> None:
        """A P-256 key pair in the token; its private key can neither be read nor exported."""
        name = label.encode()
        public = self._template(
            [(_TOKEN, _YES), (_LABEL, name), (_KEY_TYPE, _number(_EC)), (_VERIFY, _YES), (_EC_PARAMS, _P256)]
        )
        private = self._template(
            [
                (_TOKEN, _YES),
                (_PRIVATE, _YES),
                (_LABEL, name),
                (_KEY_TYPE, _number(_EC)),
                (_SIGN, _YES),
                (_SENSITIVE, _YES),
                (_EXTRACTABLE, _NO),
            ]
        )
        mechanism = _Mechanism(_KEY_PAIR_GEN, None, 0)
        handles = c_ulong(), c_ulong()
        with self._lock:
            self._call(
                "C_GenerateKeyPair",
                self._session,
                byref(mechanism),
                public,
                c_ulong(len(public)),
                private,
                c_ulong(len(private)),
                byref(handles[0]),
                byref(handles[1]),
            )

    def point(self, public_key: int) -> bytes:
        """The uncompressed point of a public key: 65 octets out of their OCTET STRING."""
        buffer = (c_ubyte * 128)()
        attribute = (_Attribute * 1)(_Attribute(_EC_POINT, ctypes.cast(buffer, c_void_p), len(buffer)))
        with self._lock:
            self._call("C_GetAttributeValue", self._session, c_ulong(public_key), attribute, c_ulong(1))
        octets = bytes(buffer)[: attribute[0].length]
        if len(octets) != 67 or octets[:2] != b"\x04\x41":
            raise CryptokiError("the token gave no P-256 point")
        return octets[2:]

    def sign(self, private_key: int, digest: bytes) -> bytes:
        """ECDSA over a digest: r then s, 32 octets each."""
        signature, length = (c_ubyte * 64)(), c_ulong(64)
        mechanism = _Mechanism(_ECDSA, None, 0)
        with self._lock:
            self._call("C_SignInit", self._session, byref(mechanism), c_ulong(private_key))
            self._call("C_Sign", self._session, c_char_p(digest), c_ulong(len(digest)), signature, byref(length))
        return bytes(signature)[: length.value]

    def _slot(self, token: str) -> int:
        count = c_ulong()
        self._call("C_GetSlotList", c_ubyte(1), None, byref(count))
        slots = (c_ulong * max(count.value, 1))()
        self._call("C_GetSlotList", c_ubyte(1), slots, byref(count))
        labels = []
        for slot in list(slots)[: count.value]:
            info = (c_ubyte * 512)()  # CK_TOKEN_INFO begins with the label, padded with blanks to 32 octets
            self._call("C_GetTokenInfo", c_ulong(slot), info)
            label = bytes(info)[:32].decode("utf-8", "replace").rstrip()
            if label == token:
                return int(slot)
            labels.append(label)
        raise CryptokiError(f"no token {token!r} in the module, only {', '.join(map(repr, labels)) or 'none'}")

    @staticmethod
    def _template(attributes: Sequence[tuple[int, bytes]]) -> ctypes.Array[_Attribute]:
        made = (_Attribute * len(attributes))()
        for place, (kind, value) in enumerate(attributes):
            buffer = ctypes.create_string_buffer(value, len(value))
            made[place] = _Attribute(kind, ctypes.cast(buffer, c_void_p), len(value))
            # The structure holds a bare address: keep the octets alive with it.
            made.__dict__.setdefault("kept", []).append(buffer)
        return made

    def _call(self, name: str, *arguments: object, allowed: tuple[int, ...] = ()) -> None:
        function = getattr(self._library, name)
        function.restype = c_ulong
        result = function(*arguments)
        if result != _OK and result not in allowed:
            raise CryptokiError(f"{name} failed with CKR 0x{result:03X}")


__all__ = ["PRIVATE_KEY", "PUBLIC_KEY", "Cryptoki", "CryptokiError"]
