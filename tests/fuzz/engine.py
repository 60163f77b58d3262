"""One target under libFuzzer: `python -m tests.fuzz.engine TARGET SECONDS DIRECTORY`."""

import importlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import atheris

# Arithmetic has vectors for proof, and what makes inputs is not what they are for: counting the
# branches of either would only slow everything down.
NOT_COUNTED = [
    *(f"edgepass._signatures.{name}" for name in ("_ed25519", "_multiples", "_p256")),
    "tests.fuzz.json_changes",
    "tests.support.issuer",
]
LONGEST_INPUT = 8192
SECONDS_FOR_ONE_INPUT = 10


def quote(word: bytes) -> str:
    """Write `word` as libFuzzer reads it in a dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def mutator(mutate: Callable[[bytes, Random], bytes]) -> Callable[[bytes, int, int], bytes]:
    """Return what libFuzzer calls for a new input: every second time it is a target's own change.

    What would be too long is cut.
    """

    def choose(data: bytes, maximum: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            return mutate(data, random)[:maximum]
        return bytes(atheris.Mutate(data, maximum))

    return choose


def main(name: str, seconds: float, directory: Path) -> None:
    """Fuzz until the time is up or an input breaks the invariant; does not return."""
    with atheris.instrument_imports(include=["edgepass", "tests"], exclude=NOT_COUNTED):
        target = importlib.import_module(f"tests.fuzz.{name}")
    corpus, findings, words = directory / "corpus", directory / "findings", directory / "words"
    corpus.mkdir()
    findings.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)
    words.write_text("".join(map(quote, target.WORDS)), "ascii")
    own = {"custom_mutator": mutator(target.mutate)} if hasattr(target, "mutate") else {}
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={max(1, math.ceil(seconds))}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={SECONDS_FOR_ONE_INPUT}",
            f"-dict={words}",
            f"-artifact_prefix={findings}/",
            "-print_final_stats=1",
        ],
        target.check,
        **own,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
