"""Public documents: the key set and its caching, discovery, health."""

from pathlib import Path

import pytest

from edgepass_sidecar.signing_keys import PUBLISHED_FOR
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    Sidecar,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

KEY_SET = "/.well-known/jwks.json"
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_the_key_set_has_the_key_that_signs_and_no_private_member(
    clock: Clock, algorithm: str
) -> None:
    async with run_sidecar(clock, make_settings(ALGORITHM=algorithm)) as sidecar:
        (key,) = succeeded(await sidecar.http.get(KEY_SET))["keys"]
        assert key["kid"] == sidecar.core.keys.signer(clock()).key_id
        assert (key["alg"], key["use"]) == (algorithm, "sig")
        assert not PRIVATE_MEMBERS & set(key)


async def test_the_backend_has_the_same_key_set(sidecar: Sidecar) -> None:
    public = await sidecar.http.get(KEY_SET)
    assert (await sidecar.server.get("/v1/jwks")).content == public.content


async def test_the_key_set_may_be_cached_for_less_than_a_key_s_stages(sidecar: Sidecar) -> None:
    answer = await sidecar.http.get(KEY_SET)
    assert answer.headers["cache-control"] == (
        "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400"
    )
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("form", ["{}", 'W/"x", {}', '"x",{} ', "W/{}"])
async def test_who_has_the_key_set_gets_304(sidecar: Sidecar, form: str) -> None:
    tag = (await sidecar.http.get(KEY_SET)).headers["etag"]
    answer = await sidecar.http.get(KEY_SET, headers={"if-none-match": form.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert "max-age=300" in answer.headers["cache-control"]


@pytest.mark.parametrize("held", ["", '"x"', "x"])
async def test_who_has_another_key_set_gets_this_one(sidecar: Sidecar, held: str) -> None:
    answer = await sidecar.http.get(KEY_SET, headers={"if-none-match": held})
    assert succeeded(answer)["keys"]


async def test_a_rotated_key_is_in_the_key_set_under_a_new_tag(sidecar: Sidecar) -> None:
    tag = (await sidecar.http.get(KEY_SET)).headers["etag"]
    rotated = await sidecar.core.keys.rotate(PUBLISHED_FOR)
    answer = await sidecar.http.get(KEY_SET, headers={"if-none-match": tag})
    assert rotated.key_id in {key["kid"] for key in succeeded(answer)["keys"]}


async def test_discovery_names_the_issuer_exactly(sidecar: Sidecar) -> None:
    document = succeeded(await sidecar.http.get("/.well-known/openid-configuration"))
    assert document["issuer"] == PUBLIC_URL
    assert document["jwks_uri"] == PUBLIC_URL + KEY_SET


async def test_a_sidecar_that_works_is_healthy(any_sidecar: Sidecar) -> None:
    answer = await any_sidecar.http.get("/v1/health")
    assert succeeded(answer) == {"status": "ok"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_sidecar_without_a_key_to_sign_with_is_not_healthy(
    sidecar: Sidecar, clock: Clock
) -> None:
    clock.advance(-1)
    answer = await sidecar.http.get("/v1/health")
    assert (answer.status_code, error_code(answer)) == (503, "no_active_key")
    assert answer.headers["retry-after"] == "1"


async def test_a_sidecar_whose_file_is_spoilt_is_not_healthy(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "edgepass.db"
    async with run_sidecar(clock, make_settings(STORE=f"sqlite:///{file}")) as sidecar:
        for pragma in ("wal_checkpoint(TRUNCATE)", "cache_size = 0"):
            await sidecar.core.store._file.read(
                lambda db, text=pragma: db.execute(f"PRAGMA {text}").fetchall()
            )
        file.write_bytes(b"\x00" * file.stat().st_size)
        answer = await sidecar.http.get("/v1/health")
    assert (answer.status_code, error_code(answer)) == (503, "unavailable")


async def test_the_script_may_be_imported_by_any_origin(sidecar: Sidecar) -> None:
    answer = await sidecar.http.get("/edgepass.js", headers={"origin": "https://other.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    again = {"if-none-match": answer.headers["etag"]}
    assert (await sidecar.http.get("/edgepass.js", headers=again)).status_code == 304


async def test_the_script_says_once_who_may_read_it_also_to_an_allowed_origin(
    sidecar: Sidecar,
) -> None:
    answer = await sidecar.http.get("/edgepass.js", headers={"origin": APP_ORIGIN})
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
