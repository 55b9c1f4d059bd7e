"""A provider's folder: a CA made by `reroot init`, policies, reels, and the honest batches made there."""

import io, json, os, shutil, subprocess, zipfile
from mutations import der, keys

POLICY = """version = 1
name = "NAME"
description = "TLS client certificates for tests"

[source]
family = "FAMILY"
keys = [KEYS]
relax = [RELAX]

[params.lot]
pattern = "[A-Z0-9]{1,8}"

[certificate]
subject = [{ O = "Workshop" }, { OU = "{lot}" }, { CN = "{uid}" }]
serial = "derived"
not_before = "issuance"
not_after = "5y"
outlives_issuer = "error"
signature = "SIGNATURE"

[extensions]
basic_constraints = { critical = true }
key_usage = { critical = true, bits = ["digitalSignature"] }
extended_key_usage = { critical = false, purposes = ["clientAuth"] }
subject_key_identifier = { method = "rfc7093-1" }
authority_key_identifier = {}

[device]
target = "none"
full_width_signature = false
"""
FOREIGN = '\n[foreign]\nmay_differ = ["not_before", "not_after"]\n'


def policy(
    name="workshop", family="stsafe-a", kinds=("P-256",), relax=("test-anchor",), signature="ecdsa-sha256", **changes
):
    listed = lambda some: ", ".join(f'"{one}"' for one in some)
    text = POLICY.replace("NAME", name).replace("FAMILY", family).replace("KEYS", listed(kinds))
    text = text.replace("RELAX", listed(relax)).replace("SIGNATURE", signature)
    for key, value in changes.items():
        begin = next(line for line in text.splitlines() if line.startswith(key + " = "))
        text = text.replace(begin, f"{key} = {value}")
    return text


def packed(items):
    """A zip of names and contents, as anybody's program makes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in items:
            archive.writestr(zipfile.ZipInfo(name, (2026, 6, 1, 12, 0, 0)), content)
    return buffer.getvalue()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_folder(folder):
    return {one.name: read(one.path) for one in os.scandir(folder)}


def write(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


class Failed(Exception):
    """The program did something else than an honest provider may expect."""


class House:
    def __init__(self, program, folder, source, init=(), env=None):
        self.program, self.folder, self.source, self.env = program, folder, source, {**os.environ, **(env or {})}
        os.makedirs(folder)
        self.run("init", "pki", *([] if "--organization" in init else ["--organization", "Workshop"]), *init)
        self.write("pki/anchors/source.pem", der.pem(source.root))
        self.edit("pki", lambda text: text.replace("stm-stsafe-a-prod-ca-01.pem", "source.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        write(self.path(name), content)
        return self.path(name)

    def edit(self, machine, change):
        with open(self.path(f"{machine}/reroot.toml")) as file:
            text = file.read()
        self.write(f"{machine}/reroot.toml", change(text))

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run(
            [self.program, "--allow-shared", *arguments], cwd=self.folder, env=self.env, capture_output=True
        )
        if done.returncode not in codes:
            raise Failed(
                f"{arguments}: exit {done.returncode}: {done.stderr.decode()[-2000:]}{done.stdout.decode()[-500:]}"
            )
        return done

    def reel(self, name, items):
        return self.write(name, packed(items))

    def leaves(self, name, indices, **how):
        """A reel of good leaves."""
        made = [self.source.leaf(index, **how) for index in indices]
        names = [der.inside(der.Certificate(one).serial).hex().upper() + ".der" for one in made]
        return self.reel(name, list(zip(names, made)))

    def issue(self, policy, reel, out, *more, codes=(0,), params=("lot=A1",)):
        reels = [reel] if isinstance(reel, str) else reel
        sets = [word for one in params for word in ("--set", one)]
        self.run(
            "issue", *reels, "--policy", policy, "--out", out, "--config", "pki/reroot.toml", *sets, *more, codes=codes
        )
        return self.batch(out, reels)

    def batch(self, out, reels, **anchors):
        return Batch(self, out, [self.path(one) for one in reels], **anchors)

    # --- a CA key on another machine, and an external CA -------------------------------------------------------

    def part(self, policies):
        """The issuing key goes to a vault."""
        shutil.copytree(self.path("pki"), self.path("vault"))
        for taken in ("pki/ca/issuing.key.pem", "pki/ca/root.key.pem", "pki/ledger.db", "vault/ca/manifest.key.pem"):
            os.remove(self.path(taken))
        self.edit("pki", lambda text: "\n".join(line for line in text.split("\n") if "issuing.key.pem" not in line))
        digests = ", ".join(f'"{der.sha256(read(self.path(one))).hex()}"' for one in policies)
        signing = f'\n[signing]\nplanners = ["ca/manifest.pem"]\npolicies = [{digests}]\nmax_days = 30\n'
        self.edit("vault", lambda text: text + signing)

    def issue_apart(self, policy, reel, out, codes=(0,), more=()):
        self.run(
            "plan",
            reel,
            "--policy",
            policy,
            "--out",
            out + ".plan",
            "--config",
            "pki/reroot.toml",
            "--new-ledger",
            "--set",
            "lot=A1",
            *more,
            codes=codes,
        )
        self.run("sign", out + ".plan", "--out", out + ".signatures", "--config", "vault/reroot.toml", "--yes")
        self.run(
            "finish",
            out + ".plan",
            "--signatures",
            out + ".signatures",
            "--out",
            out,
            "--config",
            "pki/reroot.toml",
            codes=codes,
        )
        return self.batch(out, [reel], issuing="vault/ca/issuing.key.pem")

    def issue_abroad(self, policy, reel, out, kind="P-256", rsa_key=None):
        """The other house follows every wish but for the validity."""
        private = rsa_key or keys.key("other house " + kind, kind)
        certificate = keys.ca_certificate(private, der.name((der.O, "Other House"), (der.CN, "Other CA " + kind)))
        self.write("other.pem", der.pem(certificate))
        self.write("other.key.pem", keys.pkcs8(private))
        self.edit(
            "pki",
            lambda text: '[issuer]\ncertificate = "../other.pem"\n\n[manifest]'
            + text.split("[manifest]")[1].replace('"ledger.db"', '"foreign.db"'),
        )
        return self.issue_abroad_again(policy, reel, out, 1000, ["--new-ledger"])

    def issue_abroad_again(self, policy, reel, out, serial, more=()):
        private, issuer = keys.load(read(self.path("other.key.pem"))), der.pem_blocks(read(self.path("other.pem")))[0]
        self.run(
            "plan",
            reel,
            "--policy",
            policy,
            "--out",
            out + ".handed",
            "--foreign",
            *more,
            "--config",
            "pki/reroot.toml",
            "--set",
            "lot=A1",
        )
        strings = {"utf8": der.UTF8, "printable": der.PRINTABLE, "ia5": der.IA5}
        made = []
        for number, line in enumerate(read(self.path(out + ".handed/requests.jsonl")).splitlines()):
            wish = json.loads(line)
            wished = der.sequence(
                *[
                    der.element(
                        der.SET,
                        *sorted(der.attribute(one["type"], one["value"], strings[one["string"]]) for one in rdn),
                    )
                    for rdn in wish["subject_rdns"]
                ]
            )
            listed = [
                der.extension(one["oid"], bytes.fromhex(one["der"]), one["critical"]) for one in wish["extensions"]
            ]
            [spki] = der.pem_blocks(wish["spki_pem"].encode())
            times = der.sequence(*[der.time(der.utc(one)) for one in ("2026-01-01T00:00:00Z", "2040-01-01T00:00:00Z")])
            fields = [
                der.VERSION_3,
                der.integer(serial + number),
                keys.algorithm(private),
                der.Certificate(issuer).subject,
                times,
                wished,
                spki,
                der.extensions(*listed),
            ]
            made.append((f"{number}.cer", keys.certify(private, fields)))
        self.reel(out + ".back.zip", made)
        self.run(
            "finish", out + ".handed", "--certificates", out + ".back.zip", "--out", out, "--config", "pki/reroot.toml"
        )
        return self.batch(out, [reel], issuer="other.pem", manifest="pki/ca/root.pem", issuing="other.key.pem")


class Batch:
    """An honest batch: its files, who made it, and what an auditor has from elsewhere."""

    def __init__(
        self,
        house,
        out,
        inputs,
        issuer="pki/ca/root.pem",
        manifest=None,
        issuing="pki/ca/issuing.key.pem",
        source="pki/anchors/source.pem",
        sealing="pki/ca/manifest.key.pem",
    ):
        self.house, self.name, self.inputs, self.folder = house, out, inputs, house.path(out)
        self.files = read_folder(self.folder)
        self.source, self.issuer = house.path(source), house.path(issuer)
        self.manifest = house.path(manifest or issuer)
        self.issuing_file, self.sealing_file = house.path(issuing), house.path(sealing)
        self.expect = None

    @property
    def anchors(self):
        return self.source, self.issuer, self.manifest

    def issuing_key(self):
        return keys.load(read(self.issuing_file))

    def sealing_key(self):
        return keys.load(read(self.sealing_file))
