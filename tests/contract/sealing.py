"""A process of its own that writes events and seals them, as fast as it can, until it is killed.

Started as `python -m tests.contract.sealing FILE`. It prints the cursor that it has sealed to.
"""

import asyncio
import sys
from pathlib import Path

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.service.sealer import seal_batch
from tests.support.sidecar import make_settings, make_user


async def write_and_seal(file: Path) -> None:
    settings = make_settings(STORE=f"sqlite:///{file}", ALGORITHM="EdDSA")
    async with opened_core(settings) as core:
        while True:
            number = await core.store.newest_cursor()
            event = Event(type="user.created", at=core.clock(), user_id=UserId(f"user_{number}"))
            await core.store.insert_user(make_user(str(number)), (event,) * 3)
            await seal_batch(core)
            print((await core.store.find_unsealed(1)).cursor, flush=True)


if __name__ == "__main__":
    asyncio.run(write_and_seal(Path(sys.argv[1])))
