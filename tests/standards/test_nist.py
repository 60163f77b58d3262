"""NIST's CAVP records for RS256 and ES256, and the Ed25519 reference implementation's."""

from collections.abc import Iterator

from edgepass._signatures import Backend
from tests.support.standards import FULL, count, nist_file

Record = dict[str, str]
LEAST_BITS = 2048


def records_of(name: str) -> Iterator[Record]:
    """Yield what has been said so far at each verdict: later lines replace earlier ones."""
    record: Record = {}
    for line in nist_file(name).read_text("latin-1").splitlines():
        if line.startswith("["):
            record["section"] = line.strip("[]")
        key, separator, value = line.partition(" = ")
        if separator:
            record[key.strip()] = value.strip()
        if key == "Result":
            yield dict(record)


def test_the_rs256_verdicts_are_ours(backend: Backend) -> None:
    verdicts = []
    for record in records_of("asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp"):
        modulus = int(record["n"], 16)
        if record["SHAAlg"] != "SHA256" or modulus.bit_length() < LEAST_BITS:
            continue
        key = backend.rsa(modulus, int(record["e"], 16))
        signature = bytes.fromhex(record["S"])
        verdicts.append(
            (key.verify(signature, bytes.fromhex(record["Msg"])), record["Result"][0] == "P")
        )
    count("NIST CAVP SigVer, RS256", backend.name, len(verdicts))
    assert [given for given, _ in verdicts] == [expected for _, expected in verdicts]
    assert len(verdicts) == 54


def test_the_es256_verdicts_are_ours(backend: Backend) -> None:
    verdicts = []
    for record in records_of("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp"):
        if record["section"] != "P-256,SHA-256":
            continue
        x, y, r, s = (int(record[name], 16).to_bytes(32) for name in ("Qx", "Qy", "R", "S"))
        given = backend.p256(x, y).verify(r + s, bytes.fromhex(record["Msg"]))
        verdicts.append((given, record["Result"][0] == "P"))
    count("NIST CAVP SigVer, ES256", backend.name, len(verdicts))
    assert [given for given, _ in verdicts] == [expected for _, expected in verdicts]
    assert len(verdicts) == 15


def test_the_signatures_of_the_ed25519_reference_implementation_are_good(backend: Backend) -> None:
    lines = nist_file("asymmetric/Ed25519/sign.input").read_text("ascii").splitlines()
    assert len(lines) == 1024
    verified = 0
    for number, line in enumerate(lines):
        # Each record has its own key, whose tables take longer than its signature.
        if not FULL and backend.name == "standard library" and number % 8:
            continue
        _, encoded, message, signed = map(bytes.fromhex, line.split(":")[:4])
        key, signature = backend.ed25519(encoded), signed[:64]
        assert key.verify(signature, message)
        assert not key.verify(signature, message + b"\x00")
        at = number % 64
        assert not key.verify(signature[:at] + b"\xa5" + signature[at + 1 :], b"\x00" + message)
        verified += 3
    count("Ed25519 reference implementation, sign.input", backend.name, verified)
