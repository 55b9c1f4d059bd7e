"""Honest batches, and the proofs and packs made of them: both verifiers accept each."""

import json, os
from mutations.campaign import ACCEPT, Case

GROUP = "honest"


def proofs(batch):
    """Proofs of every chip of an honest batch, one a line."""
    return batch.house.run("prove", batch.folder, "--all", "--out", batch.folder + ".proofs")


def cases(bench):
    for batch in bench.honest():
        where = os.path.basename(batch.house.folder) + "/" + batch.name
        yield Case(GROUP, f"{where}", batch, lambda batch=batch: batch.files, ACCEPT)
        inputs = [word for one in batch.inputs for word in ("--input", one)]
        yield Case(GROUP, f"{where} with inputs", batch, lambda batch=batch: batch.files, ACCEPT, options=inputs)
        uids = [json.loads(line)["uid"] for line in batch.files["manifest.jsonl"].splitlines()]
        for uid in dict.fromkeys([uids[0], uids[-1]]):
            yield Case(
                GROUP,
                f"{where} proof of {uid}",
                batch,
                lambda batch=batch, uid=uid: made(batch, uid),
                ACCEPT,
                "verify-proof",
            )


def made(batch, uid):
    done = batch.house.run("prove", batch.folder, uid)
    return done.stdout
