"""One attempt to deliver, over real sockets: signed, to an address that was checked, bounded."""

import asyncio
import datetime as dt
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from edgepass_sidecar.app import make_app
from edgepass_sidecar.delivery import Delivery, Failure
from edgepass_sidecar.logs import JsonFormatter
from edgepass_sidecar.settings import WrongSetting
from edgepass_sidecar.webhook_addresses import LOOPBACK_TOO, PRIVATE_TOO, PUBLIC_ONLY, Reach
from edgepass_sidecar.webhook_sender import MAXIMUM_ANSWER_BYTES, WebhookSender, resolve
from tests.conftest import Clock
from tests.sidecar.webhook_receiver import OLD_SECRET, SECRET, Received, Receiver, Reply
from tests.support.issuer import NOW
from tests.support.sidecar import make_settings

NAME = "hooks.example.test"
DELIVERY = Delivery(
    cursor=1,
    message_id="msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
    type="session.created",
    sequence="sess_1",
    body='{"type":"session.created","data":{"name":"Zoë"}}'.encode(),
    created_at=float(NOW),
    give_up_at=NOW + 86_400.0,
    due_at=float(NOW),
)

Make = Callable[..., WebhookSender]


class Names:
    """A resolver that answers with the next of `answers`, the last of them for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def _no_log_line_holds_the_secret(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    for record in caplog.get_records("call"):
        line = JsonFormatter().format(record) + record.getMessage()
        assert SECRET.removeprefix("whsec_") not in line


@pytest.fixture(autouse=True)
def _few_authorities(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust one authority instead of some hundred, which take long to read."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def make(receiver: Receiver) -> AsyncIterator[Make]:
    """Make senders to the receiver; `name` is what its URL calls it."""
    made: list[WebhookSender] = []

    def make(name: str = "127.0.0.1", secrets: Sequence[str] = (SECRET,), **options: Any) -> Any:
        url = options.pop("url", receiver.url.replace("127.0.0.1", name))
        made.append(WebhookSender(url, secrets, **({"allowed": LOOPBACK_TOO} | options)))
        return made[-1]

    yield make
    for sender in made:
        await sender.close()


def replies(*statuses: int, **options: Any) -> Callable[[Received], Any]:
    waiting = list(statuses)

    async def decide(_: Received) -> Reply:
        return Reply(status=waiting.pop(0), **options)

    return decide


async def test_a_webhook_is_one_post_of_the_body_as_it_is(receiver: Receiver, make: Make) -> None:
    assert await make().send(DELIVERY) is None
    (webhook,) = receiver.received
    assert webhook.request_line == "POST /hook?of=edgepass HTTP/1.1"
    assert webhook.body == DELIVERY.body
    assert webhook.headers["content-type"] == "application/json"
    assert webhook.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert webhook.headers["user-agent"] == "edgepass"
    assert "cookie" not in webhook.headers
    assert "authorization" not in webhook.headers


async def test_standardwebhooks_verifies_it_and_nothing_that_was_altered(
    receiver: Receiver, make: Make
) -> None:
    await make().send(DELIVERY)
    (webhook,) = receiver.received
    verifier = Webhook(SECRET)
    assert verifier.verify(webhook.body, webhook.headers)["data"] == {"name": "Zoë"}
    altered = [
        (webhook.body.replace(b"created", b"revoked"), webhook.headers),
        (webhook.body, webhook.headers | {"webhook-id": "msg_other"}),
        (webhook.body, webhook.headers | {"webhook-timestamp": str(int(time.time()) + 1)}),
    ]
    for body, headers in altered:
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            verifier.verify(body, headers)


async def test_with_several_secrets_a_receiver_needs_to_know_one(
    receiver: Receiver, make: Make
) -> None:
    await make(secrets=(SECRET, OLD_SECRET)).send(DELIVERY)
    (webhook,) = receiver.received
    assert Webhook(SECRET).verify(webhook.body, webhook.headers)
    assert Webhook(OLD_SECRET).verify(webhook.body, webhook.headers)
    stranger = Webhook("whsec_" + "AAAA" * 8)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        stranger.verify(webhook.body, webhook.headers)


async def test_each_header_comes_under_the_name_that_svix_gave_it_too(
    receiver: Receiver, make: Make
) -> None:
    await make().send(DELIVERY)
    headers = receiver.received[0].headers
    for name in ("id", "timestamp", "signature"):
        assert headers[f"svix-{name}"] == headers[f"webhook-{name}"]


async def test_the_timestamp_is_that_of_the_attempt(
    receiver: Receiver, make: Make, clock: Clock
) -> None:
    sender = make(clock=clock)
    await sender.send(DELIVERY)
    clock.advance(3600.9)
    await sender.send(DELIVERY)
    first, second = receiver.received
    assert first.headers["webhook-timestamp"] == str(NOW)
    assert second.headers["webhook-timestamp"] == str(NOW + 3600)
    assert (first.id, first.body) == (second.id, second.body)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_success(receiver: Receiver, make: Make, status: int) -> None:
    receiver.decide = replies(status)
    assert await make().send(DELIVERY) is None


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 408, 429, 500, 502, 503, 504])
async def test_any_other_status_is_a_failure(receiver: Receiver, make: Make, status: int) -> None:
    receiver.decide = replies(status)
    told = f"the receiver answers with status {status}"
    assert await make().send(DELIVERY) == Failure(problem=told)


async def test_who_is_gone_wants_no_more(receiver: Receiver, make: Make) -> None:
    receiver.decide = replies(410)
    failure = await make().send(DELIVERY)
    assert failure == Failure(problem="the receiver answers with status 410", is_final=True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, make: Make, status: int) -> None:
    receiver.decide = replies(status, headers=(f"location: {receiver.url}",))
    failure = await make().send(DELIVERY)
    assert failure == Failure(problem=f"the receiver answers with status {status}")
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("-5", 0.0), ("1e3", 0.0), ("9" * 10, 0.0), ("soon", 0.0)],
)
async def test_a_receiver_may_say_when_to_come_back(
    receiver: Receiver, make: Make, text: str, seconds: float
) -> None:
    receiver.decide = replies(503, headers=(f"retry-after: {text}",))
    failure = await make().send(DELIVERY)
    assert failure is not None
    assert failure.retry_after == seconds


async def test_of_a_long_answer_only_the_beginning_is_read(receiver: Receiver, make: Make) -> None:
    async def talk(_: Received) -> Reply:
        return Reply(endless=True)

    receiver.decide = talk
    assert await make().send(DELIVERY) is None
    receiver.decide = replies(200, body=bytes(MAXIMUM_ANSWER_BYTES))
    assert await make().send(DELIVERY) is None


async def test_an_answer_that_does_not_come_in_time_is_a_failure(
    receiver: Receiver, make: Make
) -> None:
    async def sleep(_: Received) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    receiver.decide = sleep
    failure = await make(timeout=0.2).send(DELIVERY)
    assert failure == Failure(problem="there was no whole answer within 0.2 seconds")


async def test_a_receiver_that_is_not_there_is_a_failure(receiver: Receiver, make: Make) -> None:
    sender = make()
    await receiver.stop()
    failure = await sender.send(DELIVERY)
    assert failure is not None
    assert failure.problem.startswith("the receiver cannot be reached: ")
    assert not failure.is_final


async def test_what_is_no_http_is_a_failure_that_is_not_quoted(clock: Clock) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SECRET-BANNER-220 ready\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = WebhookSender(f"http://127.0.0.1:{port}/", [SECRET], allowed=LOOPBACK_TOO)
        failure = await sender.send(DELIVERY)
        await sender.close()
    assert failure is not None
    assert failure.problem.startswith("the exchange broke: ")
    assert "BANNER" not in failure.problem


# Where it goes


async def test_the_connection_goes_to_the_address_that_was_checked_under_the_hosts_name(
    receiver: Receiver, make: Make
) -> None:
    names = Names(["127.0.0.1"])
    assert await make(NAME, resolve=names).send(DELIVERY) is None
    assert names.asked == [(NAME, receiver.port)]
    assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"


async def test_a_name_is_resolved_at_each_delivery(receiver: Receiver, make: Make) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1"])
    sender = make(NAME, resolve=names)
    outcomes = [await sender.send(DELIVERY) for _ in range(3)]
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert outcomes[1] is not None
    assert "169.254.169.254 is link-local" in outcomes[1].problem
    assert receiver.connections == 2
    assert len(names.asked) == 3


async def test_where_one_address_does_not_answer_the_next_one_is_tried(
    receiver: Receiver, make: Make
) -> None:
    assert await make(NAME, resolve=Names(["127.0.0.2", "127.0.0.1"])).send(DELIVERY) is None
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("addresses", "allowed", "told"),
    [
        (["127.0.0.1"], PUBLIC_ONLY, "127.0.0.1 is loopback"),
        (["::1"], PUBLIC_ONLY, "::1 is loopback"),
        (["10.0.0.1"], PUBLIC_ONLY, "10.0.0.1 is private"),
        (["10.0.0.1"], LOOPBACK_TOO, "10.0.0.1 is private"),
        (["192.168.0.1"], PUBLIC_ONLY, "is private"),
        (["172.16.0.1"], PUBLIC_ONLY, "is private"),
        (["100.64.0.1"], PUBLIC_ONLY, "is private"),
        (["fc00::1"], PUBLIC_ONLY, "is private"),
        (["169.254.169.254"], PUBLIC_ONLY, "is link-local"),
        (["fe80::1%eth0"], PUBLIC_ONLY, "is link-local"),
        (["::ffff:127.0.0.1"], PUBLIC_ONLY, "is loopback"),
        (["::ffff:10.0.0.1"], PUBLIC_ONLY, "is private"),
        (["0.0.0.0"], PUBLIC_ONLY, "is not one host's address"),
        (["224.0.0.1"], PRIVATE_TOO, "is not one host's address"),
        (["ff02::1"], PRIVATE_TOO, "is not one host's address"),
        (["240.0.0.1"], PRIVATE_TOO, "is not one host's address"),
        (["::"], PRIVATE_TOO, "is not one host's address"),
        (["127.0.0.1", "10.0.0.1"], LOOPBACK_TOO, "10.0.0.1 is private"),
        (["127.0.0.1", "::ffff:10.0.0.1"], LOOPBACK_TOO, "is private"),
        ([], PUBLIC_ONLY, "the host has no address"),
        (["not an address"], PRIVATE_TOO, "cannot be read"),
    ],
)
async def test_a_host_with_an_address_that_is_not_allowed_gets_no_connection(
    receiver: Receiver, make: Make, addresses: list[str], allowed: frozenset[Reach], told: str
) -> None:
    url = f"https://{NAME}:{receiver.port}/"
    failure = await make(url=url, allowed=allowed, resolve=Names(addresses)).send(DELIVERY)
    assert failure is not None
    assert told in failure.problem
    assert not failure.is_final
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]"])
async def test_no_spelling_of_an_address_gets_around_the_rule(
    receiver: Receiver, make: Make, host: str
) -> None:
    sender = make(url=f"https://{host}:{receiver.port}/", allowed=PUBLIC_ONLY)
    failure = await sender.send(DELIVERY)
    assert failure is not None
    assert "is loopback" in failure.problem
    assert receiver.connections == 0


async def test_a_public_address_is_not_reached_without_encryption(make: Make) -> None:
    failure = await make(url=f"http://{NAME}/", resolve=Names(["1.1.1.1"])).send(DELIVERY)
    assert failure is not None
    assert "by https only" in failure.problem


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label")])
async def test_a_name_that_cannot_be_resolved_is_a_failure(make: Make, error: Exception) -> None:
    async def fail(_: str, __: int) -> Sequence[str]:
        raise error

    failure = await make(NAME, resolve=fail).send(DELIVERY)
    assert failure == Failure(problem="the host's name cannot be resolved")


async def test_this_machines_resolver_names_each_address_once() -> None:
    assert await resolve("127.0.0.1", 443) == ["127.0.0.1"]
    assert await resolve("::1", 443) == ["::1"]


def make_certificate(directory: Path, name: str) -> Path:
    """Write a certificate of a host that signs itself, and its key, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("of", "told"), [(NAME, None), ("other.example.test", "Hostname mismatch")]
)
async def test_a_receiver_proves_by_its_certificate_that_it_has_the_hosts_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str, told: str | None
) -> None:
    pem = make_certificate(tmp_path, of)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    async with Receiver(tls=context) as receiver:
        url = receiver.url.replace("127.0.0.1", NAME)
        sender = WebhookSender(url, [SECRET], allowed=LOOPBACK_TOO, resolve=Names(["127.0.0.1"]))
        failure = await sender.send(DELIVERY)
        await sender.close()
        assert len(receiver.received) == (0 if told else 1)
    assert told is None if failure is None else told is not None and told in failure.problem


# Settings


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"WEBHOOK_URL": "http://app.example.com/hook"}, "must be https"),
        ({"WEBHOOK_URL": "http://127.0.0.1/hook"}, "must be https"),
        ({"WEBHOOK_URL": "ftp://app.example.com/"}, "must be https"),
        ({"WEBHOOK_URL": "https://ada:s3cret@app.example.com/"}, "without a user"),
        ({"WEBHOOK_URL": "https://app.example.com/a#s3cret"}, "without a user and a fragment"),
        ({"WEBHOOK_URL": "https://app.example.com/s3cret path"}, "percent-encoded"),
        ({"WEBHOOK_URL": "s3cret"}, "must be https"),
        ({"WEBHOOK_SECRET": "s3cret"}, "whsec_ and 24 to 64 random bytes"),
        ({"WEBHOOK_SECRET": f"{SECRET},s3cret"}, "whsec_ and 24 to 64 random bytes"),
        ({"WEBHOOK_SECRET": ""}, "EDGEPASS_WEBHOOK_SECRET: is missing"),
        ({"WEBHOOK_URL": ""}, "EDGEPASS_WEBHOOK_URL: is missing"),
        ({"WEBHOOK_PRIVATE": "s3cret?"}, "must be one of on, off"),
    ],
)
def test_a_wrong_setting_is_told_at_start_without_what_it_hides(
    settings: dict[str, str], told: str
) -> None:
    good = {"WEBHOOK_URL": "https://app.example.com/hook", "WEBHOOK_SECRET": SECRET}
    with pytest.raises(WrongSetting) as refused:
        make_app(make_settings(**(good | settings)))
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value).replace("'s3cret?' must be", "")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "more",
    [{"WEBHOOK_PRIVATE": "on"}, {"INSTANCE": "development"}],
    ids=lambda more: next(iter(more)),
)
def test_plain_http_is_taken_where_addresses_inside_are_allowed(more: dict[str, str]) -> None:
    settings = make_settings(
        WEBHOOK_URL="http://127.0.0.1:9/hook", WEBHOOK_SECRET=f"{SECRET}, {OLD_SECRET}", **more
    )
    make_app(settings)
    assert settings.webhook_secrets == (SECRET, OLD_SECRET)
    assert SECRET not in repr(settings)
