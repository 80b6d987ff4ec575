"""One contract for the key stores: software (sealed rows) and PKCS#11 (SoftHSM 2, skipped where it is absent)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.pki import TrustStore, check_path, keystore, parse_pem
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_smki.adapters.cryptoki import CryptokiError
from dccemu_smki.adapters.keystore import AuthorityKeys
from dccemu_smki.adapters.pkcs11_keys import Pkcs11Keys
from dccemu_smki.adapters.software_keys import SoftwareKeys, sealing_key_of_file, sealing_key_of_passphrase

pytestmark = pytest.mark.asyncio
MIGRATIONS = "dccemu_smki.adapters.migrations"
MODULES = (
    os.environ.get("DCCEMU_TEST_PKCS11_MODULE", ""),
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)
Opened = Callable[[], Awaitable[AuthorityKeys]]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SoftHSM 2 token of its own; gives the module."""
    module = next((Path(path) for path in MODULES if path and Path(path).is_file()), None)
    tool = shutil.which("softhsm2-util")
    if module is None or tool is None:
        pytest.skip("SoftHSM 2 is not installed (Debian package softhsm2)")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    made = [tool, "--init-token", "--free", "--label", "dccemu", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(made, check=True, capture_output=True, timeout=30)
    return module


@pytest_asyncio.fixture(params=["software", "pkcs11"])
async def opened(
    request: pytest.FixtureRequest, open_database: Callable[..., Awaitable[Database]]
) -> AsyncIterator[Opened]:
    """Opens the same store again and again, as restarts do."""
    stores: list[AuthorityKeys] = []
    if request.param == "software":
        database = await open_database("smki", migrations_package=MIGRATIONS)

        async def make() -> AuthorityKeys:
            stores.append(SoftwareKeys(database.pool, sealing_key_of_passphrase("secret"), Entropy()))
            return stores[-1]
    else:
        module = request.getfixturevalue("token")

        async def make() -> AuthorityKeys:
            while stores:
                await stores.pop().close()
            stores.append(Pkcs11Keys(module, "dccemu", "1234"))
            return stores[-1]

    yield make
    for store in stores:
        await store.close()


async def test_a_key_signs_for_its_public_half_also_after_a_restart(opened: Opened) -> None:
    store = await opened()
    public = await store.create("root")
    other = await store.create("issuing")
    again = await opened()

    signature = (await again.signer("root"))(b"content")

    public.verify(signature, b"content", ec.ECDSA(hashes.SHA256()))
    assert (await again.create("root")).public_numbers() == public.public_numbers()
    with pytest.raises(InvalidSignature):
        other.verify(signature, b"content", ec.ECDSA(hashes.SHA256()))


async def test_a_key_that_was_never_made_is_an_error(opened: Opened) -> None:
    store = await opened()

    with pytest.raises(EmulatorError, match="nothing"):
        await store.signer("nothing")


async def test_a_wrong_token_or_pin_is_named(token: Path) -> None:
    with pytest.raises(CryptokiError, match="dccemu"):
        Pkcs11Keys(token, "other", "1234")
    with pytest.raises(CryptokiError, match="C_Login"):
        Pkcs11Keys(token, "dccemu", "wrong")
    with pytest.raises(CryptokiError, match="cannot be loaded"):
        Pkcs11Keys(token.with_name("absent.so"), "dccemu", "1234")


async def test_sealed_rows_are_worth_nothing_without_the_sealing_key(
    open_database: Callable[..., Awaitable[Database]], tmp_path: Path
) -> None:
    database = await open_database("smki", migrations_package=MIGRATIONS)
    entropy = Entropy()
    store = SoftwareKeys(database.pool, sealing_key_of_file(tmp_path / "k", entropy), entropy)
    await store.create("root")
    await store.create("issuing")

    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    same = SoftwareKeys(database.pool, sealing_key_of_file(tmp_path / "k", entropy), entropy)
    await same.signer("root")
    stranger = SoftwareKeys(database.pool, sealing_key_of_passphrase("guess"), entropy)
    with pytest.raises(EmulatorError, match="does not open"):
        await stranger.signer("root")
    await database.pool.execute(
        "UPDATE sealed_keys SET sealed = (SELECT sealed FROM sealed_keys WHERE name = 'issuing'), "
        "nonce = (SELECT nonce FROM sealed_keys WHERE name = 'issuing') WHERE name = 'root'"
    )
    exchanged = SoftwareKeys(database.pool, sealing_key_of_file(tmp_path / "k", entropy), entropy)
    with pytest.raises(EmulatorError, match="does not open"):
        await exchanged.signer("root")


async def test_migrations_give_the_models(open_database: Callable[..., Awaitable[Database]]) -> None:
    from dccemu_smki.adapters.tables import metadata

    database = await open_database("smki", migrations_package=MIGRATIONS)

    assert await database.differences(metadata) == []


async def test_the_whole_hierarchy_lives_in_a_token(token: Path, open_house: Callable[..., Awaitable[Any]]) -> None:
    house = await open_house(key_store=str(token), key_store_token="dccemu", key_store_pin="1234")

    made = await house.admin.post("/admin/smki/certificate-sets", json={"eui": "90-B3-D5-1F-30-01-00-00", "role": 2})

    store = TrustStore()
    for authority in (await house.admin.get("/admin/smki/authorities")).json():
        store.learn(parse_pem(authority["pem"]))
    for entry in keystore.load(made.json()["keystore"]):
        assert entry.certificate
        check_path(entry.certificate, store, house.runtime.clock.now())
    pool = house.service.components[1]._database.pool
    assert {row[0] for row in await pool.fetch("SELECT name FROM sealed_keys")} == {
        "contingency",
        "recovery DS",
        "wan_provider DS",
        "wan_provider KA",
    }
