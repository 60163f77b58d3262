"""A sealer that is killed leaves a chain that the next one goes on with."""

import asyncio
import sys
from pathlib import Path

from edgepass_sidecar.audit.checkpoint import CheckpointKeys
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.service.exporter import export_lines, list_public_keys
from tests.support.audit import verify_lines
from tests.support.sidecar import make_settings

DEADLINE = 30.0  # seconds


async def seal_until_killed(file: Path, batches: int) -> int:
    """Run a process that writes and seals, kill it, and return the cursor it had sealed to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.sealing", str(file), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    sealed = 0
    try:
        async with asyncio.timeout(DEADLINE):
            for _ in range(batches):
                sealed = int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()
    return sealed


async def test_what_was_sealed_stays_and_the_rest_is_sealed_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "edgepass.db"
    sealed = [await seal_until_killed(file, batches) for batches in (3, 20)]
    assert 0 < sealed[0] < sealed[1]
    settings = make_settings(STORE=f"sqlite:///{file}", ALGORITHM="EdDSA")
    async with opened_core(settings) as core:
        lines = [line async for line in export_lines(core)]
        keys = CheckpointKeys({"keys": await list_public_keys(core)})
        newest = await core.store.newest_cursor()
    findings, verification = verify_lines(lines, keys)
    assert findings == []
    assert verification.events == newest >= sealed[1]
