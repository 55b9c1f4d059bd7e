"""Whether a policy has the closed schema of docs/reference/policy-reference.md: its keys, the forms of its values, and what one
value says about another. What a value can be once placeholders are filled in, is seen in certificates alone."""
import ipaddress, re
from datetime import datetime, timezone
from forms import CURVES
from asn1 import Refused, elements, need, oid

FAMILIES = ["stsafe-a", "stsafe-l", "generic"]
KEYS = [*(name for name, _ in CURVES.values()), "Ed25519"]
RELAXATIONS = ["common-name-mismatch", "expired-leaf", "explicit-default-boolean", "issuer-name-case", "sha1-signature",
               "test-anchor", "trailing-padding"]
PROFILES = ["aws-iot", "azure-dps", "devid", "ieee2030-5", "matter-dac"]
BITS = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "encipherOnly",
        "decipherOnly"]
PURPOSES = {"serverAuth": 1, "clientAuth": 2, "codeSigning": 3, "emailProtection": 4, "timeStamping": 8}
SERVED = {"serverAuth": [0, 2, 4], "clientAuth": [0, 4], "codeSigning": [0], "emailProtection": [0, 1, 2, 4],
          "timeStamping": [0, 1]}  # positions in BITS, one of which must be there
STRINGS = {"utf8": 0x0C, "printable": 0x13, "ia5": 0x16}
ATTRIBUTES = {name: (kind, STRINGS[string]) for string, kinds in {
    "printable": {"C": "2.5.4.6", "serialNumber": "2.5.4.5", "dnQualifier": "2.5.4.46"},
    "ia5": {"DC": "0.9.2342.19200300.100.1.25", "emailAddress": "1.2.840.113549.1.9.1"},
    "utf8": {"CN": "2.5.4.3", "SN": "2.5.4.4", "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10", "OU": "2.5.4.11",
             "title": "2.5.4.12", "name": "2.5.4.41", "GN": "2.5.4.42", "pseudonym": "2.5.4.65",
             "UID": "0.9.2342.19200300.100.1.1", "matterVendorId": "1.3.6.1.4.1.37244.2.1",
             "matterProductId": "1.3.6.1.4.1.37244.2.2"},
}.items() for name, kind in kinds.items()}
EXTENSIONS = {  # the keys of [extensions] with a field of their own
    "basic_constraints": "2.5.29.19", "key_usage": "2.5.29.15", "extended_key_usage": "2.5.29.37",
    "subject_key_identifier": "2.5.29.14", "authority_key_identifier": "2.5.29.35", "subject_alt_name": "2.5.29.17",
    "certificate_policies": "2.5.29.32", "crl_distribution_points": "2.5.29.31",
    "authority_info_access": "1.3.6.1.5.5.7.1.1", "related_certificate": "1.3.6.1.5.5.7.1.36"}
PLACEHOLDERS = ["batch", "crl_shard", "issued_at", "source.common_name", "source.serial", "source.sha256",
                "spki.sha256", "uid"]
OF_STSAFE_A = ["product_id", "st_number", "unique"]


# --- forms of values: each takes a value and its path ----------------------------------------------------------------

def one_of(*choices):
    return lambda value, path: need(isinstance(value, str) and value in choices, path, "is", repr(value)[:60])


def matching(pattern):
    return lambda value, path: need(isinstance(value, str) and re.fullmatch(pattern, value), path, repr(value)[:60])


def boolean(value, path):
    need(isinstance(value, bool), path, "is not a boolean")


def number(value, path):
    need(type(value) is int and 0 <= value < 1 << 32, path, "is not a number below 2^32")


def between(low, high):
    return lambda value, path: need(type(value) is int and low <= value <= high, path, "is not", low, "to", high)


def identifier(value, path):
    need(isinstance(value, str) and re.fullmatch(r"[012](\.(0|[1-9][0-9]{0,9}))+", value), path, "object identifier")
    arcs = [int(arc) for arc in value.split(".")]
    need(arcs[1] < 40 and max(arcs) < 1 << 32 and len(elements(oid(value))[0][1]) <= 39, path, "object identifier")


def listed(form, filled=True, distinct=True):
    def check(value, path):
        need(isinstance(value, list) and (value or not filled), path, "is no list, or empty")
        for at, one in enumerate(value):
            form(one, f"{path}[{at}]")
            need(not distinct or one not in value[:at], path, "has an element twice")
    return check


def table(value, path, required, optional={}):
    """A table that has these keys and no others."""
    need(isinstance(value, dict), path, "is no table")
    for key in required:
        need(key in value, path, "has no", key)
    for key, one in value.items():
        need(key in required or key in optional, path, "has an unknown key", key)
        (required.get(key) or optional[key])(one, f"{path}.{key}".lstrip("."))


def tabled(required, optional={}):
    return lambda value, path: table(value, path, required, optional)


def only(forms):
    """A table with exactly one of these keys."""
    def check(value, path):
        need(isinstance(value, dict) and len(value) == 1, path, "does not have exactly one key")
        table(value, path, {}, forms)
    return check


# --- the schema ------------------------------------------------------------------------------------------------------

class Schema:
    def __init__(self, policy):
        source, params = policy.get("source"), policy.get("params")
        self.family = source.get("family") if isinstance(source, dict) else None
        self.params, self.used = params if isinstance(params, dict) else {}, set()
        self.typed_forms = {
            "utf8": self.text, "printable": self.text, "ia5": self.text, "octets": self.byte_text, "integer": number,
            "boolean": boolean, "null": lambda value, path: need(value is True, path, "is not true"),
            "oid": identifier, "sequence": listed(self.typed, False, False),
            "der": self.constant}
        self.check(policy)

    def check(self, policy):
        table(policy, "", {
            "version": lambda value, path: need(type(value) is int and value == 1, "version of the policy"),
            "name": matching(r"[a-z0-9]|[a-z0-9][a-z0-9-]{0,62}[a-z0-9]"),
            "description": lambda value, path: need(
                isinstance(value, str) and re.fullmatch(r"[^\0-\x1f\x7f-\x9f]+", value.strip()), path, "one line"),
            "source": tabled({"family": one_of(*FAMILIES), "keys": listed(one_of(*KEYS)),
                              "relax": listed(one_of(*RELAXATIONS), filled=False)}),
            "certificate": tabled({
                "subject": self.name, "serial": one_of("derived", "source"),
                "not_before": self.time_or("issuance", "source"), "not_after": self.end,
                "outlives_issuer": one_of("error", "clamp", "allow"),
                "signature": one_of("ed25519", *(f"{kind}-sha{bits}" for kind in ("ecdsa", "rsa-pkcs1", "rsa-pss")
                                                 for bits in (256, 384, 512)))}),
            "device": tabled({"target": one_of("stselib", "none"), "full_width_signature": boolean},
                             {"max_certificate_bytes": number})}, {
            "profiles": listed(one_of(*PROFILES), filled=False), "params": self.parameters,
            "extensions": tabled({}, self.extensions()),
            "revocation": tabled({
                "shards": between(1, 4096), "expected_certificates": between(1, (1 << 32) - 1),
                "worst_revoked_percent": between(1, 100)}, {"max_crl_bytes": between(1024, (1 << 32) - 1)}),
            "foreign": tabled({}, {"may_differ": listed(self.difference, filled=False)})})
        self.check_shards(policy)
        self.check_together(policy, policy["certificate"], policy.get("extensions", {}), policy["device"])

    def check_together(self, policy, certificate, extensions, device):
        need(self.used - {"crl_shard"} == set(self.params), "a parameter is not used")
        need(certificate["serial"] != "source" or self.family != "generic", "serial numbers of a generic source")
        ecdsa = certificate["signature"].startswith("ecdsa")
        need(ecdsa or not device["full_width_signature"], "full_width_signature without ECDSA")
        need(device["target"] == "none" or device["full_width_signature"], "stselib without full_width_signature")
        bits = set(extensions.get("key_usage", {}).get("bits", []))
        possible = set(BITS) - {"keyEncipherment", "dataEncipherment"}
        need(bits <= possible, "key_usage that elliptic curves cannot serve")
        need("Ed25519" not in policy["source"]["keys"] or bits <= set(BITS[:2]), "key_usage that Ed25519 cannot serve")
        need(len(bits & set(BITS[5:])) == 0 or "keyAgreement" in bits and len(bits & set(BITS[5:])) == 1, "key_usage")
        for purpose in extensions.get("extended_key_usage", {}).get("purposes", []):
            served = [BITS[at] for at in SERVED.get(NAMED.get(purpose, purpose), range(7))]
            need(not bits or bits & set(served), "no bit of key_usage serves", purpose)
        alternative = extensions.get("subject_alt_name")
        need(certificate["subject"] or alternative and alternative["critical"], "an empty subject, and no other name")
        serials = [kind for rdn in certificate["subject"] for one in (rdn if isinstance(rdn, list) else [rdn])
                   for kind in ([one["type"]] if "type" in one else one) if kind in ("serialNumber", "2.5.4.5")]
        for one in (alternative or {}).get("names", []):
            bare = "permanent_identifier" in one and "value" not in one["permanent_identifier"]
            need(not bare or len(serials) == 1, "permanent_identifier without value")

    def check_shards(self, policy):
        """A list covers the certificates that have one of its URLs, so each URL has to have the number of its list."""
        urls = policy.get("extensions", {}).get("crl_distribution_points", {}).get("urls", [])
        numbers = re.compile(r"\{crl_shard(?:\|(?:lower|upper))*\}")
        numbered = [any(map(numbers.fullmatch, re.findall(r"\{\{|\{[^{}]+\}", url))) for url in urls]
        if "revocation" in policy:
            need(numbered and all(numbered), "a URL without the number of its CRL")
        else:
            need("crl_shard" not in self.used, "{crl_shard} without [revocation]")

    def check_foreign(self, policy):
        """What a plan for another CA takes."""
        need(not policy["device"]["full_width_signature"], "full_width_signature, which no other CA promises")
        need(policy["certificate"]["serial"] == "derived", "the leaf's serial number, which no other CA promises")

    # texts

    def byte_text(self, value, path, as_bytes=True):
        need(isinstance(value, str), path, "is no text")
        need(re.fullmatch(r"(?:[^{}]|\{\{|\}\}|\{[^{}]+\})*", value), path, "has a brace that is no placeholder")
        for inside in re.findall(r"\{\{|\}\}|\{([^{}]+)\}", value):
            self.placeholder(inside, path, as_bytes) if inside else None

    def placeholder(self, inside, path, as_bytes):
        name, *filters = inside.split("|")
        known = name in PLACEHOLDERS or name in self.params or name in OF_STSAFE_A and self.family == "stsafe-a"
        need(known, path, "has an unknown placeholder", name)
        self.used |= {name} & {*self.params, "crl_shard"}
        for at, one in enumerate(filters):
            cut = re.fullmatch(r"slice\( *([0-9]{1,4}) *, *([0-9]{1,4}) *\)", one)
            need(cut and int(cut[1]) < int(cut[2]) <= 4096 or one in ("lower", "upper", "bytes"), path, "filter", one)
            need(cut or "bytes" not in filters[:at], path, "filter", one, "after bytes")
        need(as_bytes or "bytes" not in filters, path, "is text, and bytes makes bytes")

    def text(self, value, path):
        self.byte_text(value, path, as_bytes=False)

    def typed(self, value, path):
        need(path.count(".sequence[") <= 8, path, "is nested too deeply")
        only(self.typed_forms)(value, path)

    def constant(self, value, path):
        need(isinstance(value, str) and re.fullmatch(r"([0-9A-Fa-f]{2})+", value), path, "is not hexadecimal")
        need(len(elements(bytes.fromhex(value))) == 1, path, "is not one element")

    # names

    def name(self, value, path):
        listed(self.rdn, filled=False, distinct=False)(value, path)

    def rdn(self, value, path):
        tables = value if isinstance(value, list) else [value]
        for one in tables:
            need(isinstance(one, dict), path, "is no table")
            if {"type", "value", "string"} & set(one):
                kind = lambda value, path: value in ATTRIBUTES or identifier(value, path)
                table(one, path, {"type": kind, "value": self.text, "string": one_of(*STRINGS)})
                self.check_string(one, path)
            else:
                table(one, path, {}, dict.fromkeys(ATTRIBUTES, self.text))
        kinds = [kind for one in tables for kind in ([one["type"]] if "type" in one else one)]
        kinds = [ATTRIBUTES.get(kind, (kind,))[0] for kind in kinds]
        need(kinds and len(set(kinds)) == len(kinds), path, "has no attribute, or one twice")

    def check_string(self, one, path):
        """Names of directories choose between UTF8String and PrintableString; other known attributes have no choice."""
        kind = ATTRIBUTES.get(one["type"], (one["type"],))[0]
        for name, (known, tag) in ATTRIBUTES.items():
            free = tag == STRINGS["utf8"] and not name.startswith("matter")
            good = STRINGS[one["string"]] == tag or free and one["string"] == "printable"
            need(known != kind or good, path, "has another string type")

    def general_names(self):
        named = {"type": identifier}
        return listed(only({
            "dns": self.text, "uri": self.text, "email": self.text, "ip": address, "registered_id": identifier,
            "directory_name": lambda value, path: (need(value, path, "is empty"), self.name(value, path)),
            "hardware_module_name": tabled(named | {"serial": self.byte_text}),
            "permanent_identifier": tabled({}, {"value": self.text, "assigner": identifier}),
            "other_name": tabled({"type": self.other_type, "value": self.typed})}), distinct=False)

    def other_type(self, value, path):
        identifier(value, path)
        need(value not in ("1.3.6.1.5.5.7.8.3", "1.3.6.1.5.5.7.8.4"), path, "has a form of its own")

    # tables

    def parameters(self, value, path):
        need(isinstance(value, dict), path, "is no table")
        for name, one in value.items():
            good = re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) and name not in [*PLACEHOLDERS, *OF_STSAFE_A]
            need(good, path, "has a name that is no parameter's:", name)
            table(one, f"{path}.{name}", {"pattern": pattern}, {"description": matching(r"[\s\S]*")})

    def extensions(self):
        critical, urls = {"critical": boolean}, listed(self.text, distinct=False)
        policy = lambda value, path: identifier(value, path) if isinstance(value, str) else table(
            value, path, {"id": identifier}, {"cps": self.text, "user_notice": self.text})
        policies = lambda value, path: (listed(policy)(value, path), need(
            len({one if isinstance(one, str) else one["id"] for one in value}) == len(value), path, "names one twice"))
        return {
            "basic_constraints": tabled(critical), "key_usage": tabled(critical | {"bits": listed(one_of(*BITS))}),
            "extended_key_usage": tabled(critical | {"purposes": self.purposes}),
            "subject_key_identifier": tabled({"method": one_of("rfc5280-1", "rfc7093-1")}),
            "authority_key_identifier": tabled({}),
            "subject_alt_name": tabled(critical | {"names": self.general_names()}),
            "certificate_policies": tabled(critical | {"policies": policies}),
            "crl_distribution_points": tabled(critical | {"urls": urls}),
            "authority_info_access": lambda value, path: (
                table(value, path, {}, {"ocsp": urls, "ca_issuers": urls}), need(value, path, "is empty")),
            "related_certificate": tabled({"hash": one_of("sha256")}),
            "other": self.others}

    def purposes(self, value, path):
        named = lambda value, path: value in PURPOSES or identifier(value, path)
        listed(named)(value, path)
        meant = [f"1.3.6.1.5.5.7.3.{PURPOSES[one]}" if one in PURPOSES else one for one in value]
        need(not set(meant) & FORBIDDEN_PURPOSES, path, "has a purpose that no device has")
        need(len(set(meant)) == len(meant), path, "has a purpose twice")

    def others(self, value, path):
        one = tabled({"oid": identifier, "critical": boolean, "value": self.typed})
        listed(one, filled=False)(value, path)
        kinds = [one["oid"] for one in value]
        need(len(set(kinds)) == len(kinds), path, "has an extension twice")
        need(not set(kinds) & {*EXTENSIONS.values(), *FORBIDDEN}, path, "has an extension with a key, or never allowed")
        need(not any(one["critical"] and one["oid"] in NEVER_CRITICAL for one in value), path, "is never critical")

    def difference(self, value, path):
        need(isinstance(value, str), path, "is no text")
        if value not in ("subject", "not_before", "not_after", "signature", *EXTENSIONS):
            identifier(value, path)
            need(value not in EXTENSIONS.values(), path, "is named by its key")

    # times

    def time_or(self, *words):
        def check(value, path):
            need(isinstance(value, str) and (value in words or since_1950(value)), path, "is", repr(value)[:60])
        return check

    def end(self, value, path):
        need(isinstance(value, str), path, "is no text")
        duration = re.fullmatch(r"(?=.)(?:([1-9][0-9]*)y)?(?:([1-9][0-9]*)d)?(?:([1-9][0-9]*)h)?", value)
        if duration:
            years, days, hours = (int(part or 0) for part in duration.groups())
            need(years < 10_000 and days <= 4_000_000 and hours <= 4_000_000, path, "is too long")
        else:
            need(value in ("never", "source") or since_1950(value), path, "is", repr(value)[:60])


def since_1950(value):
    return re.match(r"[0-9]{4}-", value) and moment(value).year >= 1950


def moment(value):
    """An RFC 3339 time in whole seconds, in UTC."""
    date, time, zone = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.0+)?", r"[+-][0-9]{2}:[0-9]{2}"
    need(re.fullmatch(rf"{date}[Tt ]{time}(?:[Zz]|{zone})", value), "not a time:", value)
    try:
        return datetime.fromisoformat(re.sub(r"\.0+", "", value.upper())).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Refused("no such time: " + value)


def address(value, path):
    try:
        need(isinstance(value, str) and "%" not in value and ipaddress.ip_address(value), path, "is no address")
    except ValueError:
        raise Refused(path + " is no address")


POSIX = {"alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "word": "0-9A-Za-z_",
         "xdigit": "0-9A-Fa-f"}


def pattern(value, path):
    need(isinstance(value, str) and value.isascii() and len(value) <= 512, path, "is no pattern")
    compiled(value)


def compiled(value):
    """A pattern for Python: named classes of characters written out, what it would read otherwise refused."""
    value = re.sub(r"\[:([a-z]+):\]", lambda named: POSIX.get(named[1], named[0]), value)
    outside = re.sub(r"\\.|\[(?:\\.|[^\]\\])+\]", "x", value)  # of escapes and classes
    bad = r"[*+.^$]|\{(?![0-9]+(?:,[0-9]+)?\})|\(\?(?![:iP<])|\(\?<?[=!]"
    need(not re.search(bad, outside), "anchors, look-around, any character or no bound in", value)
    need(not re.search(r"\\[1-9bBAZz]", value), "anchors or references in", value)
    need(not re.search(r"&&|~~|--|\[[^\]]*\[|\\[pPxuU]\{", value), "a pattern that is not read here:", value)
    try:
        return re.compile(value, re.ASCII)
    except re.error as error:
        raise Refused(f"pattern {value}: {error}")


NAMED = {f"1.3.6.1.5.5.7.3.{number}": name for name, number in PURPOSES.items()}
# documentSigning, any, OCSPSigning, cmcCA, cmcRA
FORBIDDEN_PURPOSES = {"1.3.6.1.5.5.7.3.36", "2.5.29.37.0", "1.3.6.1.5.5.7.3.9", "1.3.6.1.5.5.7.3.27",
                      "1.3.6.1.5.5.7.3.28"}
# nameConstraints, policyConstraints, policyMappings, inhibitAnyPolicy, netscape-cert-type, proxyCertInfo
FORBIDDEN = {"2.5.29.30", "2.5.29.36", "2.5.29.33", "2.5.29.54", "2.16.840.1.113730.1.1", "1.3.6.1.5.5.7.1.14"}
NEVER_CRITICAL = {"2.5.29.46", "1.3.6.1.5.5.7.1.11", "2.5.29.9"}


# --- values that are filled in ---------------------------------------------------------------------------------------

LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
HOST = rf"{LABEL}(?:\.{LABEL})+"


def check_dns(text):
    need(len(text) <= 253 and re.fullmatch(rf"{LABEL}(?:\.{LABEL})*", text), "not a DNS name:", text)


def check_email(text):
    local, _, domain = text.partition("@")
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    need(len(local) <= 64 and re.fullmatch(rf"{atom}(?:\.{atom})*", local), "not a mail address:", text)
    check_dns(domain)


def check_uri(text, schemes=()):
    scheme, _, rest = text.partition(":")
    need(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) and rest, "not a URI:", text)
    need(scheme in (schemes or [scheme]), "the scheme of", text)
    need(re.fullmatch(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})*", rest), "not a URI:", text)
    need(rest.count("#") <= 1, "not a URI:", text)
    if not rest.startswith("//"):
        urn = scheme != "urn" or re.fullmatch(rf"(?=[^:]{{2,32}}:){LABEL}:.+", rest)
        return need(urn and not re.search(r"[\[\]]", rest), "not a URI:", text)
    host = re.fullmatch(r"//(.*?)(?::[0-9]{0,5})?", re.match(r"//[^/?#]*", rest)[0])[1]
    numeric = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]|([0-9.]+)", host)
    address(numeric[1] or numeric[2], "host") if numeric else need(
        len(host) <= 253 and re.fullmatch(HOST, host), "not a fully qualified host:", text)
