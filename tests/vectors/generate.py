"""Write every vector again: `python -m tests.vectors.generate`; the same keys, the same files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.vectors.making import (
    algorithms,
    claim_rules,
    curve_signatures,
    headers,
    json_texts,
    key_documents,
    key_sets,
    recipients,
    rsa_signatures,
    segments,
)
from tests.vectors.making.tools import ROOT, Vector, numbered, shared_key_sets

GROUPS: dict[str, Callable[[], Iterator[Vector]]] = {
    "algorithms": algorithms.make,
    "claims": claim_rules.make,
    "curve-signatures": curve_signatures.make,
    "headers": headers.make,
    "json": json_texts.make,
    "key-documents": key_documents.make,
    "key-sets": key_sets.make,
    "recipients": recipients.make,
    "rsa-signatures": rsa_signatures.make,
    "segments": segments.make,
}


def files() -> dict[str, str]:
    """Return the content of every file that is generated, by its path in this folder."""
    content = {
        f"keys/{name}.json": json.dumps(key_set, indent=1) + "\n"
        for name, key_set in shared_key_sets().items()
    }
    for group, make in GROUPS.items():
        for vector in numbered(group, make()):
            path = f"{vector.name}.json"
            assert path not in content, f"two vectors are named {vector.name}"
            content[path] = vector.to_text()
    return content


def committed() -> Iterator[Path]:
    """Yield the path of every file that a run of this module wrote."""
    for path in ROOT.glob("*/*.json"):
        if not path.name.endswith(".throw-away.json"):
            yield path


def main() -> None:
    content = files()
    for path in committed():
        if str(path.relative_to(ROOT)) not in content:
            path.unlink()
    for name, text in content.items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "ascii")


if __name__ == "__main__":
    main()
