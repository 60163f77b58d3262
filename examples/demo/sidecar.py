"""The three calls that an app's server makes to the sidecar's backend API."""

from typing import Any

import httpx


class Sidecar:
    """The backend API of the sidecar at `url`, called with `secret_key`."""

    def __init__(self, url: str, secret_key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {secret_key}"}, timeout=5
        )

    async def create_ticket(self, user_id: str, name: str) -> str:
        """Make sure that the sidecar knows the user, and return a ticket that signs them in."""
        first_name, _, last_name = name.partition(" ")
        profile = {"id": user_id, "first_name": first_name, "last_name": last_name}
        if (await self._client.get(f"/v1/users/{user_id}")).status_code == httpx.codes.NOT_FOUND:
            await self._call("POST", "/v1/users", profile)
        body = {"user_id": user_id, "expires_in_seconds": 60}
        ticket = await self._call("POST", "/v1/sign_in_tokens", body)
        return str(ticket["token"])

    async def list_active_sessions(self, user_id: str) -> list[dict[str, Any]]:
        query = f"/v1/sessions?user_id={user_id}&status=active&limit=100"
        return list(await self._call("GET", query))

    async def revoke_session(self, session_id: str) -> Any:
        return await self._call("POST", f"/v1/sessions/{session_id}/revoke")

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        response = await self._client.request(method, path, json=body)
        response.raise_for_status()
        return response.json()
