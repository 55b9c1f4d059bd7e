"""The batches of one ledger (docs/spec/manifest-format.md, History)."""
from asn1 import need, sha256


SHOWN = {"ledger.already-issued", "ledger.serial-repeated", "ledger.uid-with-other-key"}
SHOWN_WITH_INPUTS = SHOWN | {"ledger.key-under-other-uid"}


def check_history(folders, open_batch, read_line, findings, leaves):
    """Of every batch: seal, files and lines; then what they say of each other, and what the findings of the first
    folder say of them; `leaves`: those of its inputs by their digests. Returns notes."""
    batches = {}
    for folder in folders:
        batch, s, entries = open_batch(folder)
        batches.setdefault(sha256(batch["manifest.json"]).hex(), (s, [read_line(one) for one in entries]))
    check_chain({digest: s for digest, (s, _) in batches.items()})
    check_ledger_findings(next(iter(batches)), batches, findings, leaves)
    need(len({s["batch"] for s, _ in batches.values()}) == len(batches), "two batches have the same name")

    def depth(s):
        steps = 0
        while s["previous"] and s["previous"]["statement_sha256"] in batches:
            steps, s = steps + 1, batches[s["previous"]["statement_sha256"]][0]
        return steps

    oldest_first = sorted(batches.values(), key=lambda one: (one[0]["created"], depth(one[0]), one[0]["batch"]))
    keys, chips, serials, issued = {}, {}, {}, set()
    for s, found in oldest_first:
        for line in found:
            uid, spki = line["uid"], line["spki_sha256"]
            need(keys.setdefault(uid, spki) == spki, "chip", uid, "has different keys in two batches")
            need(chips.setdefault(spki, uid) == uid, "a key is there under two UIDs:", uid)
            same = serials.setdefault(line["serial"], line["sha256"]) == line["sha256"]
            need(same, "a serial number is there twice:", line["serial"])
            need(line["reissue"] == s["reissue"], "reissue of chip", uid, "is not the statement's")
            again = (s["policy"]["name"], uid) in issued
            need(not again or s["reissue"], "chip", uid, "has certificates from two batches, and no reason is given")
            issued.add((s["policy"]["name"], uid))
    followed = {s["previous"]["statement_sha256"] for s, _ in batches.values() if s["previous"]}
    [head] = set(batches) - followed
    return [f"history: {len(batches)} batches, the head is {head}"]


def check_ledger_findings(own, batches, findings, leaves):
    """A chip that was left out because of another batch is in another batch."""
    s, earlier = batches[own][0], set()
    terms = lambda s: (s["policy"]["sha256"], s["params"])
    before = s["previous"]
    while before:
        other, found = batches[before["statement_sha256"]]
        earlier |= {(line["uid"], line["source_sha256"]) for line in found if terms(other) == terms(s)}
        before = other["previous"]
    others = [line for digest, (_, found) in batches.items() if digest != own for line in found]
    chips = {line["uid"]: line["spki_sha256"] for line in others}
    keys = {spki: uid for uid, spki in chips.items()}
    for one in findings:
        uid, leaf = one["uid"], leaves.get(one["source_sha256"])
        key = leaf and sha256(leaf.spki).hex()
        shown = {"ledger.already-issued": (uid, one["source_sha256"]) in earlier,
                 "ledger.serial-repeated": uid in chips,
                 "ledger.uid-with-other-key": uid in chips and chips[uid] != key,
                 "ledger.key-under-other-uid": not key or keys.get(key, uid) != uid}.get(one["code"], True)
        need(shown, "chip", uid, "is left out as", one["code"], "and no other batch shows it")


def check_chain(statements):
    """Each follows one that is there, no two follow the same, and only the first follows none."""
    need(len({s["issuer"]["spki_sha256"] for s in statements.values()}) == 1, "batches of several issuers")
    seeds = [s["serial_seed"] for s in statements.values() if s["serial_seed"]]
    need(len(set(seeds)) == len(seeds), "two batches have one seed")
    before = [s["previous"] and s["previous"]["statement_sha256"] for s in statements.values()]
    need(len(set(before)) == len(before), "two batches follow the same one, or two are the first")
    for s in statements.values():
        if s["previous"]:
            digest = s["previous"]["statement_sha256"]
            need(digest in statements, "batch", s["batch"], "follows one that is not here:", digest)
            earlier = statements[digest]
            need(earlier["batch"] == s["previous"]["batch"], "previous names the batch otherwise")
            need(earlier["created"] <= s["created"], "a batch is older than the one that it follows")
