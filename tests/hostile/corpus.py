"""What the corpus is: runs of the program, and for every item of a run what must become of it."""

import json
import os
from pathlib import Path

ACCEPT, REJECT, IGNORE = "accepted", "rejected", "ignored"


class Run:
    """One call of `reroot inspect --verify`."""

    def __init__(self, name, anchors, policy=None, stdin=None):
        self.name, self.anchors, self.policy, self.stdin = name, anchors, policy, stdin
        self.inputs, self.files, self.items, self.why, self.expect = [], {}, {}, {}, None

    def put(self, path, content):
        assert path not in self.files, path
        self.files[path] = content

    def item(self, name, verdict, codes=(), clause=""):
        """An item and what must become of it; `codes`: one of these must be the finding's."""
        assert name not in self.items, name
        codes = [codes] if isinstance(codes, str) else list(codes)
        self.items[name] = {"verdict": verdict, "codes": codes, "clause": clause}


class Corpus:
    def __init__(self):
        self.runs = {}

    def run(self, name, anchors=("root.pem",), **more):
        assert name not in self.runs, name
        run = self.runs[name] = Run(name, list(anchors), **more)
        return run

    def write(self, folder):
        folder = Path(folder)
        index = []
        for run in self.runs.values():
            base = folder / run.name
            for path, content in run.files.items():
                place = base / (path if isinstance(path, str) else os.fsdecode(path))
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            index.append({
                "run": run.name, "inputs": run.inputs, "anchors": run.anchors, "policy": run.policy,
                "stdin": run.stdin, "expect": run.expect, "items": run.items,
            })
        (folder / "corpus.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


class Reel:
    """A directory of single files, one certificate each: the simplest reel. Cases come with their neighbours."""

    def __init__(self, corpus, name, chips, **more):
        self.run = corpus.run(name, **more)
        self.run.inputs, self.name, self.chips = ["reel"], name, chips

    def add(self, case, clause, content, verdict, codes=(), suffix=".der"):
        self.run.put(f"reel/{case}{suffix}", content)
        self.run.item(f"reel!{case}{suffix}", verdict, codes, clause)

    def reject(self, case, clause, codes, content, **more):
        self.add(case, clause, content, REJECT, codes, **more)

    def accept(self, case, clause, content, **more):
        self.add(case, clause, content, ACCEPT, **more)

    def ignore(self, case, clause, codes, content, **more):
        self.add(case, clause, content, IGNORE, codes, **more)

    def pair(self, case, clause, codes, bad, good=lambda leaf: leaf, key=None, kind="P-256", good_kind=None):
        """What must be refused, and next to it what must be accepted."""
        from pki import ROOT_KEY

        key = key or ROOT_KEY
        self.reject(case, clause, codes, bad(self.chips.next(kind)).sign(key))
        self.accept(f"{case}-neighbour", clause, good(self.chips.next(good_kind or kind)).sign(key))
