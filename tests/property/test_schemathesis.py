"""The whole API is asked what its own document promises, and what it does not, by schemathesis."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import AuthContext, Case, HookContext
from schemathesis.core.failures import Failure
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python import asgi
from schemathesis.python._constants.orchestrator import make_constants_value_source

from edgepass_sidecar.app import make_app
from tests.property.whole_api.world import COOKIE, LATER, World
from tests.support.sidecar import SECRET_KEY, make_settings
from tests.support.standards import FULL

CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 1,
        "generation": {
            "max-examples": 100 if FULL else 4,
            "deterministic": not FULL,
            "with-security-parameters": False,
        },
    }
)
# Why a request that is well-formed may be refused, other than by 401, 403 and 404.
BEYOND_A_SCHEMA = {
    "form_identifier_exists",  # somebody else has it
    "redirect_url_invalid",  # a URI that two parsers read differently
    "ticket_invalid",  # it names nothing
    "ticket_revoked",
    "ticket_used",
    "too_many_templates",
}
# Rules between fields, and of JSON itself, by the words that refuse what breaks them.
RULES_BEYOND_A_SCHEMA = (
    "claims",  # a permission needs its feature, a shortcode its braces
    "nobody needs to act in their own place",
    "has a number or a depth that JSON cannot carry",
)
APP = make_app(make_settings(RATE_LIMITS="off"))
WHOLE_API = schemathesis.openapi.from_asgi("/v1/openapi.json", APP, config=CONFIG)
# The revocation feed has no end: whoever waits for its whole answer waits for ever.
# tests/sidecar/test_feed.py asks it.
API = WHOLE_API.exclude(path="/v1/revocations")
LABELS = [operation.ok().label for operation in API.get_all_operations()]


@API.auth().apply_to(tag=["client", "navigation"])
class ClientToken:
    def get(self, case: Case[Any], context: AuthContext) -> str:
        return LATER

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.cookies[COOKIE] = data


@API.auth().apply_to(tag="server")
class SecretKey:
    def get(self, case: Case[Any], context: AuthContext) -> str:
        return SECRET_KEY

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@API.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Any) -> bool:
    """Let what no schema can say be refused; no other check has an exception."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    error = response.json()["errors"][0]
    is_beyond = any(words in error["message"] for words in RULES_BEYOND_A_SCHEMA)
    return error["code"] not in BEYOND_A_SCHEMA and not is_beyond


@pytest.fixture
def world() -> Iterator[World]:
    with asgi.get_client(APP) as http:
        http.trust_env = False  # reads all of the environment at each request
        yield World(http)


# All of schemathesis's own checks are on; redirects lead to an app, which is not there. With
# `API.parametrize()` all operations would share one id, by which pytest-xdist runs one of them,
# and each worker would first make what to ask of all.
@pytest.mark.parametrize("label", LABELS)
def test_each_operation_answers_as_its_document_says(world: World, label: str) -> None:
    def ask(case: Case[Any]) -> None:
        if world.has_time():
            world.settle(case)
            case.call_and_validate(session=world.http, allow_redirects=False)

    ask_all = build_operation_test(
        config=API.config,
        operation=API.find_operation_by_label(label),
        test_func=ask,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(API)),
    )
    ask_all()
    assert world.has_asked()


class Chains(API.as_state_machine()):  # type: ignore[misc]
    """One operation after another, each asked with what earlier ones have answered."""

    def setup(self) -> None:
        self.http = asgi.get_client(APP)
        self.http.trust_env = False
        self.http.__enter__()
        self.world = World(self.http)

    def before_call(self, case: Case[Any]) -> None:
        self.world.admit(case)

    def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
        return {"session": self.http, "allow_redirects": False}

    def teardown(self) -> None:
        self.http.__exit__()
        # The next chain begins with an empty store, else its answers would hang on this one.
        asgi.shutdown_lifespans()


TestChains = Chains.TestCase
TestChains.settings = settings(
    max_examples=100 if FULL else 5,
    stateful_step_count=30 if FULL else 15,
    deadline=None,
    derandomize=not FULL,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
