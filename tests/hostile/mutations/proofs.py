"""Proofs of one chip: each key misspelled; lines, paths, neighbours and certificates that do not belong."""

import base64, functools, json
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.der import element, inside, parts, sequence
from mutations.forge import inclusion, spelled
from mutations.text import misspelled, tree, written

b64 = lambda data: base64.b64encode(data).decode()


def lines_of(lines, indices):
    """As proofs have them: what a path shares with the one before is left away."""
    found, before = [], []
    for index in indices:
        path = inclusion(lines, index)
        shared = 0
        while shared < min(len(path), len(before)) and path[-1 - shared] == before[-1 - shared]:
            shared += 1
        found.append(
            {
                "index": index,
                "shared": shared,
                "path": b64(b"".join(path[: len(path) - shared])),
                "line": lines[index].decode(),
            }
        )
        before = path
    return found


def proof_of(files, uid, chip=None, indices=None, batch=None, **changes):
    """A proof from the files of a batch, as `reroot prove` makes it."""
    s = json.loads(files["manifest.json"])
    lines = files["manifest.jsonl"].split(b"\n")[:-1]
    uids = [json.loads(line)["uid"] for line in lines]
    if indices is None:
        if uid in uids:
            at = uids.index(uid)
            indices = [n for n in (at - 1, at, at + 1) if 0 <= n < len(lines)]
        else:
            at = sum(bytes.fromhex(one) < bytes.fromhex(uid) for one in uids)
            indices = [n for n in (at - 1, at) if 0 <= n < len(lines)]
    if chip is None and uid in uids:
        from mutations.forge import entries

        member = lambda name: next(data for one, data in entries(files[name]) if one.startswith(uid))
        whole = der.pem_blocks(files["chain.pem"])
        chain = [
            b64(one) for one in whole if one == whole[0] or der.Certificate(one).issuer != der.Certificate(one).subject
        ]
        chip = {
            "source": b64(member("sources.zip")),
            "source_chain": [],
            "certificate": b64(member("certificates.zip")),
            "chain": chain,
        }
    version = proof_version(batch)
    s.get("family")
    proof = {"format": f"reroot-proof/{version}", "uid": uid, "chip": chip or None, "lines": lines_of(lines, indices)}
    if version >= 2:
        policy = files["policy.toml"]
        other = s["encoder"] == 1 and b'"stsafe-a"' not in policy
        proof["policy"] = b64(policy) if other else None
    proof |= {"statement": b64(files["manifest.json"]), "seal": b64(files["manifest.json.p7s"])}
    if version >= 2:
        proof["seals"] = []
    proof.update(changes)
    return spelled(proof) + b"\n"


def cases(bench):
    batch = bench.apart  # 23 chips
    uids = uids_of(batch)
    uid, absent = uids[5], "0209FF0000007E57000139"
    good = json.loads(honest(batch, uid))
    assert proof_of(batch.files, uid, batch=batch) == honest(
        batch, uid
    ), "the proof is not made as the program makes it"
    assert proof_of(batch.files, absent, batch=batch) == honest(
        batch, absent
    ), "the absence is not proved as the program does it"
    presence = lambda name, made, expect=REFUSE, batch=batch, group="proofs", says="": Case(
        group, name, batch, made, expect, "verify-proof", says=says
    )
    for n in (0, 1, 11, 21, 22):
        yield presence(
            f"honest: chip {n}", lambda n=n: proof_of(batch.files, uids[n], batch=batch), ACCEPT, group="free: proofs"
        )
    for name, value in misspelled(tree(good)):
        if not (name.endswith(": null") and name.startswith(("policy",))):
            yield presence(name, lambda value=value: written(value).encode() + b"\n", group="proofs, spelling")
    for name, change in {
        "no line feed": lambda t: t[:-1],
        "two line feeds": lambda t: t + b"\n",
        "CRLF": lambda t: t[:-1] + b"\r\n",
        "a space": lambda t: t.replace(b":", b": ", 1),
        "a byte order mark": lambda t: b"\xef\xbb\xbf" + t,
        "empty": lambda t: b"",
        "indented": lambda t: json.dumps(json.loads(t), indent=2).encode() + b"\n",
        "a list": lambda t: b"[" + t[:-1] + b"]\n",
        "NUL after": lambda t: t + b"\0",
        "cut": lambda t: t[:-30],
        "a line feed first": lambda t: b"\n" + t,
        "another format": lambda t: t.replace(b"proof/", b"proof/9", 1),
        "of a statement": lambda t: t.replace(b"reroot-proof", b"reroot-manifest", 1),
    }.items():
        yield presence("layout: " + name, lambda change=change: change(honest(batch, uid)))
    yield from changed_proofs(bench, batch, good, uids, presence)


@functools.cache
def proof_version(batch):
    """Of the proofs that the program makes of a batch."""
    return int(json.loads(honest(batch, uids_of(batch)[0]))["format"].rpartition("/")[2])


def honest(batch, uid):
    return batch.house.run("prove", batch.folder, uid).stdout


def uids_of(batch):
    return [json.loads(line)["uid"] for line in batch.files["manifest.jsonl"].splitlines()]


def changed_proofs(bench, batch, good, uids, presence):
    made = lambda **changes: lambda: spelled({**good, **changes}) + b"\n"
    chip = lambda **changes: made(chip={**good["chip"], **changes})
    other = json.loads(honest(batch, uids[9]))
    leaf, cert = (base64.b64decode(good["chip"][key]) for key in ("source", "certificate"))
    issuer = base64.b64decode(good["chip"]["chain"][0])
    root = der.pem_blocks(open(batch.issuer, "rb").read())[0]
    stranger = keys.ca_certificate(keys.key("stranger"), der.name((der.CN, "x")))
    flipped = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    yield from (
        presence(name, change)
        for name, change in {
            "another chip's proof under this UID": made(chip=other["chip"], lines=other["lines"]),
            "another UID": made(uid=uids[9]),
            "a UID that is not there": made(uid="0209FF0000007E57000139"),
            "the UID in lower case": made(uid=good["uid"].lower()),
            "a UID of 21 bytes": made(uid="00" * 21),
            "an empty UID": made(uid=""),
            "zeros before the UID": made(uid="00" + good["uid"]),
            "another chip's leaf": chip(source=other["chip"]["source"]),
            "another chip's certificate": chip(certificate=other["chip"]["certificate"]),
            "both of another chip": made(chip=other["chip"]),
            "leaf and certificate exchanged": chip(
                source=good["chip"]["certificate"], certificate=good["chip"]["source"]
            ),
            "the leaf with another signature": chip(source=b64(flipped(leaf))),
            "the certificate with another signature": chip(certificate=b64(flipped(cert))),
            "bytes after the leaf": chip(source=b64(leaf + b"\0")),
            "bytes after the certificate": chip(certificate=b64(cert + b"\0")),
            "an empty leaf": chip(source=""),
            "an empty certificate": chip(certificate=""),
            "the twin of the leaf": chip(source=b64(twin(leaf))),
            "the twin of the certificate": chip(certificate=b64(twin(cert))),
            "no chain": chip(chain=[]),
            "the root in the chain's place": chip(chain=[b64(root)]),
            "a stranger in the chain's place": chip(chain=[b64(stranger)]),
            "a stranger first": chip(chain=[b64(stranger), b64(issuer)]),
            "the issuing CA with another signature": chip(chain=[b64(flipped(issuer))]),
            "the issuing CA's twin": chip(chain=[b64(twin(issuer))]),
            "nine certificates in the chain": chip(chain=[b64(issuer)] + [b64(root)] * 8),
            "a stranger after the issuing CA": chip(chain=[b64(issuer), b64(stranger)]),
            "nine in the source chain": chip(source_chain=[b64(stranger)] * 9),
            "a leaf in the source chain, not DER": chip(source_chain=[b64(b"x")]),
            "no lines": made(lines=[]),
            "its own line alone": made(lines=lines_at(batch, [5])),
            "without the one before": made(lines=lines_at(batch, [5, 6])),
            "without the one after": made(lines=lines_at(batch, [4, 5])),
            "a line more": made(lines=lines_at(batch, [3, 4, 5, 6])),
            "a line more after": made(lines=lines_at(batch, [4, 5, 6, 7])),
            "lines of others": made(lines=lines_at(batch, [9, 10, 11])),
            "the neighbours alone": made(lines=lines_at(batch, [4, 6])),
            "reversed": made(lines=lines_at(batch, [6, 5, 4])),
            "its line three times": made(lines=lines_at(batch, [5, 5, 5])),
            "absent, with its lines": made(chip=None),
            "another index": made(lines=[{**one, "index": one["index"] + 1} for one in good["lines"]]),
            "index one less": made(lines=[{**one, "index": one["index"] - 1} for one in good["lines"]]),
            "an index beyond the tree": made(lines=[{**one, "index": one["index"] + 23} for one in good["lines"]]),
            "an index of 2^63": made(lines=[{**one, "index": (1 << 63) + n} for n, one in enumerate(good["lines"])]),
            "shared one more": shared(good, 1),
            "shared one less, the path longer": unshared(batch, good),
            "shared 2^32": shared(good, 1 << 32),
            "shared in the first line": made(lines=[{**good["lines"][0], "shared": 1}, *good["lines"][1:]]),
            "a digest more in a path": path(good, lambda p: p + bytes(32)),
            "a digest more first": path(good, lambda p: bytes(32) + p),
            "a digest less": path(good, lambda p: p[:-32]),
            "a byte less": path(good, lambda p: p[:-1]),
            "a byte more": path(good, lambda p: p + b"\0"),
            "digests exchanged": path(good, lambda p: p[32:64] + p[:32] + p[64:]),
            "another digest": path(good, lambda p: bytes(32) + p[32:]),
            "an empty path": path(good, lambda p: b""),
            "another line": line(good, lambda text: text.replace('"attempt":0', '"attempt":1')),
            "a line with a space": line(good, lambda text: text + " "),
            "a line with a line feed": line(good, lambda text: text + "\n"),
            "an empty line": line(good, lambda text: ""),
            "a node as a line": line(good, lambda text: "\1" + "x" * 64),
            "a neighbour's line changed": line(good, lambda text: text.replace('"anchor":0', '"anchor":1'), 0),
            "the statement of another batch": made(statement=b64(bench.main.files["manifest.json"])),
            "statement and seal of another batch": made(
                statement=b64(bench.main.files["manifest.json"]), seal=b64(bench.main.files["manifest.json.p7s"])
            ),
            "the seal of another batch": made(seal=b64(bench.main.files["manifest.json.p7s"])),
            "an empty seal": made(seal=""),
            "an empty statement": made(statement=""),
            "a statement with a byte changed": made(
                statement=b64(batch.files["manifest.json"].replace(b'"lot": "A1"', b'"lot": "A2"'))
            ),
            "a seal with a byte changed": made(seal=b64(flipped(batch.files["manifest.json.p7s"]))),
            "bytes after the seal": made(seal=b64(batch.files["manifest.json.p7s"] + b"\0")),
            "base64 with a line feed": made(seal=good["seal"][:64] + "\n" + good["seal"][64:]),
            "base64 without padding": made(
                seal=good["seal"].rstrip("=") if good["seal"].endswith("=") else good["seal"][:-1]
            ),
            "base64 with padding more": made(seal=good["seal"] + "="),
            "URL-safe base64": made(seal=good["seal"].replace("+", "-").replace("/", "_")),
            "base64 with a space": made(seal=" " + good["seal"]),
            "hexadecimal": made(seal=batch.files["manifest.json.p7s"].hex()),
        }.items()
    )
    yield presence("unused bits in base64", made(statement=loose(good["statement"])))
    with_root = chip(chain=[*good["chip"]["chain"], b64(root)])
    yield presence("the root in the chain too", with_root, ALIKE)
    if "seals" in good:
        seal = lambda *kinds: [{"kind": kind, "seal": b64(b"x"), "signer": b64(b"y")} for kind in kinds]
        for name, value in {"one kind": seal("ml-dsa-65"), "two kinds": seal("a", "b-2")}.items():
            yield presence(f"seals: {name}", made(seals=value), ACCEPT, group="free: proofs", says=value[0]["kind"])
        for name, value in {
            "null": None,
            "out of order": seal("b", "a"),
            "one twice": seal("a", "a"),
            "upper case": seal("A"),
            "empty kind": seal(""),
            "long kind": seal("x" * 41),
            "a dot": seal("a.b"),
            "not base64": [{"kind": "a", "seal": "*", "signer": ""}],
            "no signer": [{"kind": "a", "seal": ""}],
            "a key more": [{"kind": "a", "seal": "", "signer": "", "x": 1}],
            "another order of keys": [{"seal": "", "kind": "a", "signer": ""}],
            "texts": ["a"],
        }.items():
            yield presence(f"seals: {name}", made(seals=value))
        for name, value in {
            "this batch's": b64(batch.files["policy.toml"]),
            "empty": "",
            "another's": b64(bench.generic.files["policy.toml"]),
        }.items():
            yield presence(f"policy: {name}, where none belongs", made(policy=value))
    for base, kind in (
        (bench.stsafe_l, "stsafe-l"),
        (bench.generic, "generic"),
        (bench.generic_a, "generic over STSAFE-A"),
        (bench.foreign, "foreign"),
        (bench.p384, "P-384"),
        (bench.copied, "copied serial numbers"),
        (bench.relaxed, "relaxed"),
    ):
        for n, uid in enumerate(uids_of(base)[:3]):
            yield presence(
                f"honest: {kind} {n}", lambda base=base, uid=uid: honest(base, uid), ACCEPT, base, group="free: proofs"
            )
            if "policy" in good:
                yield presence(
                    f"policy: of {kind} {n} exchanged",
                    lambda base=base, uid=uid: exchanged_policy(base, uid, batch),
                    REFUSE,
                    base,
                )


def exchanged_policy(base, uid, batch):
    proof = json.loads(honest(base, uid))
    proof["policy"] = None if proof["policy"] else b64(batch.files["policy.toml"])
    return spelled(proof) + b"\n"


def twin(data):
    tbs, algorithm, signature = parts(data)
    return sequence(tbs, algorithm, element(3, b"\0", keys.twin(inside(signature)[1:])))


def lines_at(batch, indices):
    return lines_of(batch.files["manifest.jsonl"].split(b"\n")[:-1], indices)


def with_line(good, change, at=1):
    return (
        lambda: spelled({**good, "lines": [change(one) if n == at else one for n, one in enumerate(good["lines"])]})
        + b"\n"
    )


def shared(good, by):
    return with_line(good, lambda one: {**one, "shared": one["shared"] + by})


def unshared(batch, good):
    full = inclusion(batch.files["manifest.jsonl"].split(b"\n")[:-1], good["lines"][1]["index"])
    keep = good["lines"][1]["shared"] - 1
    return with_line(good, lambda one: {**one, "shared": keep, "path": b64(b"".join(full[: len(full) - keep]))})


def path(good, change):
    return with_line(good, lambda one: {**one, "path": b64(change(base64.b64decode(one["path"])))}, 0)


def line(good, change, at=1):
    return with_line(good, lambda one: {**one, "line": change(one["line"])}, at)


def loose(text):
    """Base64 of bytes whose number is no multiple of 3 has bits that nothing takes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    if not text.endswith("="):
        return text[:-1] + "="
    at = text.index("=") - 1
    return text[:at] + alphabet[alphabet.index(text[at]) ^ 1] + text[at + 1 :]
