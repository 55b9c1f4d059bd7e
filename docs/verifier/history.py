"""The batches of one ledger (docs/manifest-format.md, History)."""
from octets import need, sha256


SHOWN = {"ledger.already-issued", "ledger.serial-repeated", "ledger.uid-with-other-key"}


def check_history(folders, open_batch, read_line, findings):
    """Of every batch: seal, files and lines; then what they say of each other, and what the findings of the first folder
    say of them. Returns notes."""
    batches = {}
    for folder in folders:
        batch, s, entries = open_batch(folder)
        batches.setdefault(sha256(batch["manifest.json"]).hex(), (s, [read_line(one) for one in entries]))
    check_chain({digest: s for digest, (s, _) in batches.items()})
    check_ledger_findings(next(iter(batches.values()))[0], batches, findings)
    oldest_first = sorted(batches.values(), key=lambda one: (one[0]["created"], one[0]["batch"]))
    keys, chips, serials, issued = {}, {}, set(), set()
    for s, found in oldest_first:
        for line in found:
            uid, spki = line["uid"], line["spki_sha256"]
            need(keys.setdefault(uid, spki) == spki, "chip", uid, "has different keys in two batches")
            need(chips.setdefault(spki, uid) == uid, "a key is there under two UIDs:", uid)
            need(line["serial"] not in serials, "a serial number is there twice:", line["serial"])
            again = (s["policy"]["name"], uid) in issued
            need(not again or s["reissue"], "chip", uid, "has certificates from two batches, and no reason is given")
            serials.add(line["serial"])
            issued.add((s["policy"]["name"], uid))
    followed = {s["previous"]["statement_sha256"] for s, _ in batches.values() if s["previous"]}
    [head] = set(batches) - followed
    return [f"history: {len(batches)} batches, the head is {head}"]


def check_ledger_findings(s, batches, findings):
    """A chip that was left out because of an earlier batch is in an earlier batch."""
    earlier, policy = [], s["policy"]["name"]
    while s["previous"]:
        s, found = batches[s["previous"]["statement_sha256"]]
        earlier += [(s["policy"]["name"] == policy, line) for line in found]
    chips = {line["uid"] for _, line in earlier}
    issued = {(line["uid"], line["source_sha256"]) for same, line in earlier if same}
    for one in (one for one in findings if one["code"] in SHOWN):
        there = (one["uid"], one["source_sha256"]) in issued if one["code"] == "ledger.already-issued" else one["uid"] in chips
        need(there, "chip", one["uid"], "is left out as", one["code"], "and is in no earlier batch")


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
