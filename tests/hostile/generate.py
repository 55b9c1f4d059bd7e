"""Writes the hostile corpus: `generate.py FOLDER`. Same bytes every time; every key in it is a TEST key."""

import base64
import hashlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import archives
import leaves
import paths
import pki
from corpus import Corpus


def pem(content, label="CERTIFICATE", width=64, end="\n"):
    text = base64.b64encode(content).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return end.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def main():
    corpus, chips, anchors = Corpus(), pki.Chips(), {}
    anchors["root.pem"] = pem(pki.ca(pki.ROOT_NAME, pki.ROOT_KEY, pki.ROOT_KEY))
    leaves.add(corpus, chips)
    for module in MORE:
        module.add(corpus, chips, anchors)
    folder = Path(sys.argv[1])
    corpus.write(folder)
    for name, content in anchors.items():
        (folder / name).write_bytes(content)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(hashlib.sha256(os.fsencode(path.relative_to(folder))).digest())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    print(digest.hexdigest(), sum(len(run.items) for run in corpus.runs.values()), "items in", len(corpus.runs), "runs")


MORE = [paths, archives]

if __name__ == "__main__":
    main()
