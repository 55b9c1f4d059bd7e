"""The honest batches that are put before both verifiers as they are, and then changed."""

import functools
import glob
import os
import subprocess
from mutations import der, keys
from mutations.house import FOREIGN, Batch, House, packed, policy, read

SHIPPED = ["aws-iot", "azure-dps", "idevid", "ieee2030-5", "ldevid", "lwm2m", "minimal", "opcua-device", "tls-client"]
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


class Bench:
    """Makes each house once, when it is first asked for."""

    def __init__(self, program, folder, project, page):
        self.program, self.folder, self.project, self.page = program, folder, project, page
        self.source = keys.Source()

    @functools.cached_property
    def absent(self):
        """How the program is told that an absence is expected: earlier releases took one for a proof as any other."""
        text = subprocess.run([self.program, "verify-proof", "--help"], capture_output=True, check=True).stdout
        return ["--absent"] if b"--absent" in text else []

    def house(self, name, init=(), env=None, source=None):
        return House(self.program, os.path.join(self.folder, name), source or self.source, init, env)

    @functools.cached_property
    def main_house(self):
        house = self.house("main")
        house.write("policy.toml", policy())
        return house

    @functools.cached_property
    def main(self):
        """Five chips, one forged leaf, one text: the batch that most mutations begin with."""
        house = self.main_house
        good = [self.source.leaf(index) for index in range(1, 6)]
        names = [keys.Source.uid(index).hex().upper() + ".der" for index in range(1, 6)]
        forged = good[0][:-3] + bytes([good[0][-3] ^ 1]) + good[0][-2:]
        other = self.source.leaf(9)
        forged = other[:-3] + bytes([other[-3] ^ 1]) + other[-2:]
        house.reel("reel.zip", [*zip(names, good), ("forged.der", forged), ("README.txt", b"a reel\n")])
        return house.issue("policy.toml", "reel.zip", "main", "--on-reject", "skip", codes=(1,))

    @functools.cached_property
    def findings(self):
        """Items that were rejected or ignored for as many reasons as there are."""
        house, source = self.house("findings"), self.source
        house.write("policy.toml", policy("findings"))
        uid = lambda index: keys.Source.uid(index).hex().upper()
        leaf = source.leaf
        stranger = keys.Source("REROOT TEST STSAFE-A CA 99")
        items = [(f"{uid(n)}.der", leaf(n)) for n in range(1, 5)]
        items += [
            ("again/" + uid(1) + ".der", leaf(1)),
            ("README.txt", b"a reel\n"),
            ("empty.der", b""),
            ("truncated.der", leaf(20)[:-9]),
            ("trailing.der", leaf(21) + b"\xff" * 20),
            ("forged.der", leaf(22)[:-2] + bytes([leaf(22)[-2] ^ 1]) + leaf(22)[-1:]),
            ("stranger.der", stranger.leaf(23)),
            ("expired.der", leaf(24, end="2024-01-01T00:00:00Z")),
            ("p384.der", leaf(25, kind="P-384")),
            ("ed25519.der", leaf(26, kind="Ed25519")),
            ("generic.der", leaf(27, family="generic")),
            ("stsafe-l.der", leaf(28, family="stsafe-l")),
            ("name.der", leaf(29, text="eval3-" + uid(30))),
            ("two/a.der", leaf(31, owner=keys.key("a"))),
            ("two/b.der", leaf(31, owner=keys.key("b"))),
            ("one/a.der", leaf(32, owner=keys.key("c"))),
            ("one/b.der", leaf(33, owner=keys.key("c"))),
            ("twin.der", leaf(34)),
            ("twin-2.der", leaf(34, high=True)),
            ("root.der", source.root),
            ("sha1.der", leaf(35, bits=1)),
            ("long.der", leaf(36, text="x" * 90)),
            ("v1.der", leaf(37, version=b"")),
            ("case.der", leaf(38, issuer=source.name.replace(b"REROOT TEST PKI", b"reroot test pki"))),
            (
                "basic.der",
                leaf(
                    39, more=[der.sequence(der.oid(der.BASIC), der.element(1, b"\0"), der.element(4, der.sequence()))]
                ),
            ),
            ("nested.zip", packed([(uid(40) + ".der", leaf(40)), ("more.txt", b"x")])),
            ("bundle.pem", der.pem(leaf(41)) + der.pem(leaf(42)) + der.pem(b"\x30\0", "PRIVATE KEY")),
        ]
        house.reel("reel.zip", items)
        return house.issue("policy.toml", "reel.zip", "batch", "--on-reject", "skip", codes=(1,))

    @functools.cached_property
    def directory(self):
        """Several inputs: a directory and archives."""
        house, uid = self.house("inputs"), lambda index: keys.Source.uid(index).hex().upper()
        house.write("policy.toml", policy("inputs"))
        os.makedirs(house.path("folder/deep"))
        house.write(f"folder/{uid(1)}.der", self.source.leaf(1))
        house.write(f"folder/deep/{uid(2)}.der", self.source.leaf(2))
        house.write("folder/note.txt", b"text")
        house.leaves("one.zip", [3, 4])
        house.leaves("two.zip", [5])
        return house.issue("policy.toml", ["folder", "one.zip", "two.zip"], "batch")

    @functools.cached_property
    def expected(self):
        """An expected list, of which two chips are missing, and chips that are not on it."""
        house = self.house("expected")
        house.write("policy.toml", policy("expected"))
        house.leaves("reel.zip", range(1, 7))
        listed = [keys.Source.uid(index).hex().upper() for index in (1, 2, 3, 4, 50, 51)]
        house.write("uids.txt", "\n".join(listed) + "\n")
        batch = house.issue(
            "policy.toml",
            "reel.zip",
            "batch",
            "--expect",
            "uids.txt",
            "--on-missing",
            "note",
            "--on-surplus",
            "ignore",
            codes=(1,),
        )
        batch.expect = house.path("uids.txt")
        return batch

    @functools.cached_property
    def rsa(self):
        return keys.key("", "RSA-2048")

    @functools.cached_property
    def intermediate_key(self):
        return keys.key("intermediate")

    @functools.cached_property
    def intermediate(self):
        """A CA's certificate between ST's root and leaves."""
        name = der.name((der.C, "NL", der.PRINTABLE), (der.O, "REROOT PKI"), (der.CN, "Intermediate"))
        return keys.ca_certificate(self.intermediate_key, name, self.source.name, self.source.key)

    @functools.cached_property
    def below(self):
        """Leaves below an intermediate, which came with the reel."""
        house = self.house("below")
        house.write("policy.toml", policy("below"))
        name = der.Certificate(self.intermediate).subject
        leaf = lambda index: self.source.leaf(index, by=self.intermediate_key, issuer=name)
        house.reel("reel.zip", [("ca.der", self.intermediate), *((f"{n}.der", leaf(n)) for n in range(1, 5))])
        return house.issue("policy.toml", "reel.zip", "batch")

    def odd_names(self):
        """Names that have to be escaped where they are shown."""
        source = keys.Source('REROOT TEST \u00e9, CA +"<x>;=\\ # \U0001f600 ')
        house = self.house("odd", ["--organization", 'Ac,me + "\u00e9" <x>;=\\ #\U0001f600'], source=source)
        house.write("policy.toml", policy("odd"))
        house.leaves("reel.zip", range(1, 3))
        return house.issue("policy.toml", "reel.zip", "batch")

    @functools.cached_property
    def by_unique_number(self):
        """The list names chips by their unique numbers."""
        house = self.house("unique")
        house.write("policy.toml", policy("unique"))
        house.leaves("reel.zip", range(1, 5))
        listed = [keys.Source.uid(index)[2:9].hex().upper() for index in (1, 2, 3, 50)]
        house.write("uids.txt", "\n".join(listed) + "\n")
        more = ["--expect", "uids.txt", "--on-missing", "note", "--on-surplus", "reject", "--on-reject", "skip"]
        batch = house.issue("policy.toml", "reel.zip", "batch", *more, codes=(1,))
        batch.expect = house.path("uids.txt")
        return batch

    @functools.cached_property
    def with_beacon(self):
        """No serial number is older than a public value, in releases that can say so."""
        house = self.house("beacon")
        if b"--beacon" not in house.run("issue", "--help").stdout:
            return []
        house.write("policy.toml", policy("beacon"))
        house.leaves("reel.zip", range(1, 4))
        house.write("value.txt", "a newspaper's digest\n")
        return [house.issue("policy.toml", "reel.zip", "batch", "--beacon", "value.txt")]

    @functools.cached_property
    def history(self):
        """Four batches of one ledger: two policies, one reissue."""
        house = self.house("history")
        house.write("policy.toml", policy("first"))
        house.write("other.toml", policy("second"))
        house.leaves("one.zip", range(1, 4))
        house.leaves("two.zip", range(3, 7))
        batches = [house.issue("policy.toml", "one.zip", "one")]
        batches.append(house.issue("policy.toml", "two.zip", "two", "--on-reject", "skip", codes=(0, 1)))
        batches.append(house.issue("other.toml", "two.zip", "three"))
        batches.append(house.issue("policy.toml", "one.zip", "four", "--reissue", 'the first "were" lost\n\u00e9'))
        return batches

    @functools.cached_property
    def rich(self):
        """Every key of the statement has a value."""
        house = self.history[0].house
        listed = [keys.Source.uid(index).hex().upper() for index in (1, 2, 60)]
        house.write("uids.txt", "\n".join(listed) + "\n")
        batch = house.issue(
            "policy.toml",
            "one.zip",
            "rich",
            "--reissue",
            'a "test"\n\u00e9',
            "--expect",
            "uids.txt",
            "--on-missing",
            "note",
            "--on-surplus",
            "ignore",
            "--bulk-id",
            "BULK-7",
            "--publish-bulk-id",
            codes=(1,),
        )
        batch.expect = house.path("uids.txt")
        return batch

    @functools.cached_property
    def relaxed(self):
        """Leaves that need relaxations, each another one."""
        house, leaf, source = self.house("relaxed"), self.source.leaf, self.source
        uid = lambda index: keys.Source.uid(index).hex().upper()
        house.write(
            "policy.toml",
            policy(
                "relaxed",
                relax=[
                    "common-name-mismatch",
                    "expired-leaf",
                    "issuer-name-case",
                    "sha1-signature",
                    "test-anchor",
                    "trailing-padding",
                ],
            ),
        )
        house.reel(
            "reel.zip",
            [
                ("1.der", leaf(1)),
                ("2.der", leaf(2, end="2024-01-01T00:00:00Z")),
                ("3.der", leaf(3, text="eval3-" + uid(30))),
                ("4.der", leaf(4, issuer=source.name.replace(b"REROOT TEST PKI", b"reroot test pki"))),
                ("5.der", leaf(5, bits=1)),
                ("6.der", leaf(6) + b"\xff" * (1000 - len(leaf(6)))),
                ("7.der", leaf(7)),
            ],
        )
        return house.issue("policy.toml", "reel.zip", "batch")

    def formed(self, form):
        house = self.main_house
        if not os.path.exists(house.path(f"{form}.zip")):
            house.write(f"{form}.toml", policy("form-" + form.replace(",", "-")))
            house.leaves(f"{form}.zip", range(1, 5))
        return house.issue(f"{form}.toml", f"{form}.zip", f"form-{form}", "--form", form)

    @functools.cached_property
    def both_forms(self):
        return self.formed("der,pem")

    @functools.cached_property
    def pem_form(self):
        return self.formed("pem")

    @functools.cached_property
    def p384(self):
        house = self.house("p384", ["--key", "P-384"])
        house.write(
            "policy.toml",
            policy(
                "p384",
                kinds=["P-256", "P-384", "P-521", "Ed25519", "brainpoolP256r1", "brainpoolP384r1"],
                signature="ecdsa-sha384",
            ),
        )
        house.reel(
            "reel.zip",
            [
                (f"{n}.der", self.source.leaf(n, kind=kind))
                for n, kind in enumerate(
                    ["P-256", "P-384", "P-521", "Ed25519", "brainpoolP256r1", "brainpoolP384r1"], 1
                )
            ],
        )
        return house.issue("policy.toml", "reel.zip", "batch")

    @functools.cached_property
    def stsafe_l(self):
        return self.family("stsafe-l")

    @functools.cached_property
    def generic(self):
        return self.family("generic")

    def family(self, family):
        house = self.house(family)
        house.write("policy.toml", policy(family, family=family))
        house.leaves("reel.zip", range(1, 5), family=family)
        return house.issue("policy.toml", "reel.zip", "batch")

    @functools.cached_property
    def generic_a(self):
        """Chips of STSAFE-A under a policy of the family generic."""
        house = self.house("generic-a")
        house.write("policy.toml", policy("generic-a", family="generic"))
        house.leaves("reel.zip", range(1, 5))
        return house.issue("policy.toml", "reel.zip", "batch")

    @functools.cached_property
    def apart(self):
        house = self.house("apart")
        house.write("policy.toml", policy("apart", full_width_signature="true"))
        house.part(["policy.toml"])
        house.leaves("reel.zip", range(1, 24))
        return house.issue_apart("policy.toml", "reel.zip", "batch")

    @functools.cached_property
    def full_width(self):
        house = self.house("full-width")
        house.leaves("reel.zip", range(1, 20))
        house.write("policy.toml", policy("full-width", full_width_signature="true"))
        return house.issue("policy.toml", "reel.zip", "batch")

    @functools.cached_property
    def copied(self):
        """Serial numbers that are the leaves'."""
        house = self.house("copied")
        house.write("policy.toml", policy("copied", serial='"source"'))
        house.leaves("reel.zip", range(1, 5))
        return house.issue("policy.toml", "reel.zip", "batch")

    def abroad(self, kind):
        house = self.house("abroad-" + kind)
        signature = {
            "RSA-2048": "rsa-pkcs1-sha256",
            "Ed25519": "ed25519",
            "P-384": "ecdsa-sha384",
            "P-521": "ecdsa-sha512",
        }.get(kind, "ecdsa-sha256")
        house.write("policy.toml", policy("abroad", signature=signature) + FOREIGN)
        house.leaves("reel.zip", range(1, 5))
        return house.issue_abroad(
            "policy.toml", "reel.zip", "batch", kind, keys.key("", kind) if kind.startswith("RSA") else None
        )

    @functools.cached_property
    def foreign(self):
        return self.abroad("P-256")

    def token(self, kind):
        """An issuing key in a token, of a kind that only tokens have."""
        folder = os.path.join(self.folder, "token-" + kind)
        os.makedirs(folder + "-store")
        conf = folder + ".conf"
        with open(conf, "w") as file:
            file.write(f"directories.tokendir = {folder}-store\nobjectstore.backend = file\n")
        with open(folder + ".pin", "w") as file:
            file.write("4711-pin\n")
        os.chmod(folder + ".pin", 0o600)
        env = {"SOFTHSM2_CONF": conf}
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", "lab", "--so-pin", "1234", "--pin", "4711-pin"],
            env={**os.environ, **env},
            check=True,
            capture_output=True,
        )
        uri = f"pkcs11:token=lab?module-path={SOFTHSM}&pin-source=file:{folder}.pin"
        house = self.house("token-" + kind, ["--key", kind, "--pkcs11", uri], env)
        signature = {"P-521": "ecdsa-sha512", "Ed25519": "ed25519"}.get(kind, "rsa-pkcs1-sha256")
        house.write("policy.toml", policy("token", signature=signature))
        house.write("pss.toml", policy("pss", signature="rsa-pss-sha256"))
        house.leaves("reel.zip", range(1, 4))
        made = [house.issue("policy.toml", "reel.zip", "batch")]
        if kind.startswith("RSA"):
            made.append(house.issue("pss.toml", "reel.zip", "pss"))
        return made

    def shipped(self):
        """Every policy that the program ships, for TEST leaves."""
        made = []
        # one issuing key has shards of CRLs in all of its policies or in none
        houses = {sharded: self.house(name) for sharded, name in ((False, "shipped"), (True, "sharded"))}
        for house in houses.values():
            house.leaves("reel.zip", range(1, 4))
        for name in SHIPPED:
            text = read(houses[False].path(f"pki/policies/{name}.toml")).decode()
            house = houses["\n[revocation]\n" in text]
            house.write(f"{name}.toml", text.replace("relax = []", 'relax = ["test-anchor"]'))
            params = ("site=LYON-1",) if "[params.site]" in text else ()
            made.append(house.issue(f"{name}.toml", "reel.zip", name, params=params))
        matter = self.house("matter", ["--vendor-id", "FFF1", "--product-id", "8000"])
        matter.leaves("reel.zip", range(1, 4))
        text = read(matter.path("pki/policies/matter-dac.toml")).decode()
        matter.write("matter.toml", text.replace("relax = []", 'relax = ["test-anchor"]'))
        made.append(matter.issue("matter.toml", "reel.zip", "batch", params=("vid=FFF1", "pid=8000")))
        return made

    @functools.cached_property
    def past_batches(self):
        """Batches that an earlier release left, of version 1 of the formats."""
        made = []
        for path in sorted(glob.glob(os.path.join(self.project, "fixtures/past/1/finished-*.tar.gz"))):
            name = os.path.basename(path).split(".")[0]
            folder = os.path.join(self.folder, name)
            os.makedirs(folder)
            subprocess.run(["tar", "--no-same-owner", "-xpzf", path, "-C", folder], check=True)
            house = object.__new__(House)
            house.program, house.folder, house.env, house.source = self.program, folder, dict(os.environ), None
            # the generic one was issued for genuine leaves
            generic = name == "finished-generic"
            anchors = {"source": f"pki/anchors/{'stm-stsafe-a-prod-ca-01' if generic else 'test-root'}.pem"}
            if name == "finished-foreign":
                anchors |= {"issuer": "other.pem", "manifest": "pki/ca/root.pem"}
            made.append(Batch(house, "batch", [house.path("reel" if generic else "reel.zip")], **anchors))
            for more in ("second", "again"):
                if os.path.isdir(house.path(more)):
                    made.append(Batch(house, more, [house.path("second.zip")], **anchors))
        return made

    def honest(self):
        """All of them."""
        some = [
            self.main,
            self.findings,
            self.directory,
            self.expected,
            self.by_unique_number,
            self.below,
            self.odd_names(),
            *self.with_beacon,
            *self.history,
            self.rich,
            self.relaxed,
            self.both_forms,
            self.pem_form,
            self.p384,
            self.stsafe_l,
            self.generic,
            self.generic_a,
            self.apart,
            self.full_width,
            self.copied,
            self.foreign,
            *map(self.abroad, ("P-384", "P-521", "RSA-2048", "Ed25519")),
            *self.shipped(),
            *self.past_batches,
        ]
        return some + [one for kind in ("P-521", "RSA-3072", "Ed25519") for one in self.token(kind)]
