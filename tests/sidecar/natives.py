"""An app without cookies: it keeps the client token that `Authorization` brought last."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.sidecar import Sidecar, succeeded, without_secrets


@dataclass
class NativeApp:
    sidecar: Sidecar
    fields: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    set_cookies: list[str] = field(default_factory=list)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": self.token or "", **self.fields, **options.pop("headers", {})}
        params = {"_is_native": "1", **options.pop("params", {})}
        answer = await self.sidecar.http.request(
            method, path, headers=headers, params=params, **options
        )
        self.set_cookies += answer.headers.get_list("set-cookie")
        if sent := answer.headers.get("authorization"):
            self.token = sent.removeprefix("Bearer ")
        return without_secrets(answer)

    async def sign_in(self, user_id: str = "user_1") -> str:
        _, ticket = await self.sidecar.server.ticket(user_id)
        form = {"strategy": "ticket", "ticket": ticket}
        answer = succeeded(await self.send("POST", "/v1/client/sign_ins", data=form))
        session_id: str = answer["response"]["created_session_id"]
        return session_id
