"""The environment: what an SDK's components may offer here, which is sessions and no accounts."""

from typing import Any

from edgepass_sidecar.settings import Settings

_OFF = {
    "enabled": False,
    "required": False,
    "used_for_first_factor": False,
    "first_factors": [],
    "used_for_second_factor": False,
    "second_factors": [],
    "verifications": [],
    "verify_at_sign_up": False,
}
_ATTRIBUTES = (
    "email_address",
    "phone_number",
    "username",
    "web3_wallet",
    "first_name",
    "last_name",
    "password",
    "authenticator_app",
    "backup_code",
    "passkey",
)


EnvironmentShape = dict[str, Any]


def environment_shape(settings: Settings) -> EnvironmentShape:
    """Say what there is. A field that is left out has the SDKs' own default."""
    return {
        "object": "environment",
        "id": "environment",
        "auth_config": {
            "object": "auth_config",
            "id": "auth_config",
            "single_session_mode": not settings.policy.multi_session,
            "reverification": False,
            "session_minter": False,
        },
        "display_config": {
            "object": "display_config",
            "id": "display_config",
            "instance_environment_type": "production" if settings.production else "development",
            "application_name": "",
            "branded": False,
            "show_devmode_warning": False,
            "captcha_public_key": None,
            # After one account of several signed out: the app is loaded anew with the next one.
            # With a key for production SDKs otherwise stay where they are, with none.
            "after_sign_out_one_url": "/",
        },
        "user_settings": _user_settings(),
        "organization_settings": {
            "enabled": False,
            "actions": {"admin_delete": False},
            "domains": {"enabled": False, "enrollment_modes": [], "default_role": None},
            "max_allowed_memberships": 0,
        },
        "maintenance_mode": False,
        "client_debug_mode": False,
    }


def _user_settings() -> dict[str, Any]:
    return {
        "attributes": {name: {**_OFF, "name": name} for name in _ATTRIBUTES},
        "actions": {"create_organization": False, "delete_self": False},
        "sign_in": {"second_factor": {"required": False, "enabled": False}},
        # The app's own login makes users; nobody signs up here.
        "sign_up": {
            "mode": "restricted",
            "captcha_enabled": False,
            "legal_consent_enabled": False,
            "progressive": True,
        },
        "social": {},
        "enterprise_sso": {"enabled": False},
        "passkey_settings": {"allow_autofill": False, "show_sign_in_button": False},
    }
