"""What a use case declines, with the status and the code that the wire has for it."""


class Refused(Exception):
    """A request that is declined for a reason its sender can read.

    4xx is for what a retry cannot cure, 503 for what it can. `code` is stable
    and documented; no text repeats a secret.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def not_found(noun: str) -> Refused:
    return Refused(404, "resource_not_found", f"There is no such {noun}.")


def client_token_invalid() -> Refused:
    return Refused(401, "client_token_invalid", "No client token was sent, or it is not valid.")


def session_over(status: str) -> Refused:
    return Refused(401, "session_over", f"The session is {status}: sign in again.")


def user_banned() -> Refused:
    return Refused(403, "user_banned", "The user is banned: no session can be started.")


def session_pending() -> Refused:
    return Refused(422, "session_pending", "The session has a task left: finish it first.")


def invalid(field: str, message: str) -> Refused:
    return Refused(422, "form_param_value_invalid", f"{field}: {message}")


def too_many_races() -> Refused:
    return Refused(503, "too_many_races", "Others kept changing this client: try again.")
