"""The certificate that a policy asks for (docs/reference/policy-reference.md; docs/spec/manifest-format.md, Certificates)."""
import calendar, hashlib, hmac, ipaddress, re
from datetime import datetime, timedelta, timezone
from certificates import signature_algorithm
from forms import BOUNDS, check_name
from asn1 import Refused, bit_string, content, der, dotted, elements, integer, need, oid, sequence, sha256, utc
from schema import ATTRIBUTES, EXTENSIONS, PURPOSES, STRINGS, check_dns, check_email, check_uri, moment


def filled(template, variables):
    """The bytes of a text: placeholders replaced, filters applied from left to right."""
    out = b""
    for literal, brace, placeholder in re.findall(r"([^{}]+)|(\{\{|\}\})|\{([^{}]*)\}", template):
        value, *filters = placeholder.split("|")
        value = variables[value] if placeholder else literal or brace[0]
        need(value is not None, "the leaf has no common name that can be copied")
        for one in filters:
            cut = re.fullmatch(r"slice\( *(\d+) *, *(\d+) *\)", one)
            need(not cut or int(cut[2]) <= len(value), "a slice reaches past the value")
            value = value[int(cut[1]):int(cut[2])] if cut else FILTERS[one](value)
        out += value if isinstance(value, bytes) else value.encode()
    return out


def ascii_case(change):
    return lambda text: re.sub("[A-Za-z]", lambda letter: change(letter[0]), text)


FILTERS = {"lower": ascii_case(str.lower), "upper": ascii_case(str.upper), "bytes": bytes.fromhex}


FORMS = {"2.5.4.6": r"[A-Z]{2}", "2.5.4.46": r".{1,64}", "0.9.2342.19200300.100.1.25": r"[A-Za-z0-9-]{1,63}",
         "0.9.2342.19200300.100.1.1": r".{1,256}", "1.2.840.113549.1.9.1": r"[!-~]{1,255}",
         "1.3.6.1.4.1.37244.2.1": r"[0-9A-F]{4}", "1.3.6.1.4.1.37244.2.2": r"[0-9A-F]{4}"}


def name(rdns, fill):
    def attribute(kind, tag, template):
        data = fill(template)
        check_name([[(kind, tag, data)]])
        text, form = data.decode(), FORMS.get(kind, r".+" if kind in BOUNDS else r".{1,1024}")
        need(re.fullmatch(form, text) and text == text.strip(" "), "attribute", kind, "is", repr(text)[:80])
        return sequence(oid(kind), der(tag, data))

    def attributes(table):
        if "type" in table:
            kind, _ = ATTRIBUTES.get(table["type"], (table["type"], None))
            return [attribute(kind, STRINGS[table["string"]], table["value"])]
        return [attribute(*ATTRIBUTES[key], text) for key, text in table.items()]

    tables = [rdn if isinstance(rdn, list) else [rdn] for rdn in rdns]
    return sequence(*[der(0x31, *sorted(one for table in rdn for one in attributes(table))) for rdn in tables])


def typed(table, fill):
    [(kind, content)] = table.items()
    match kind:
        case "utf8" | "printable" | "ia5":
            check_name([[("1.2.3", STRINGS[kind], fill(content))]])  # its characters
            need(len(fill(content).decode()) <= 1024, "a text is too long")
            return der(STRINGS[kind], fill(content))
        case "octets":
            need(len(fill(content)) <= 1024, "a value is too long")
            return der(4, fill(content))
        case "integer": return integer(content)
        case "boolean": return der(1, b"\xff" if content else b"\0")
        case "null": return der(5)
        case "oid": return oid(content)
        case "sequence": return sequence(*[typed(one, fill) for one in content])
        case "der": return bytes.fromhex(content)
    raise Refused(f"typed value {kind}")


def checked(check, data, *more):
    check(data.decode(), *more)
    return data


def general_name(table, fill):
    [(form, content)] = table.items()
    other = lambda kind, value: der(0xA0, oid(kind), der(0xA0, value))
    match form:
        case "email": return der(0x81, checked(check_email, fill(content)))
        case "dns": return der(0x82, checked(check_dns, fill(content)))
        case "directory_name": return der(0xA4, name(content, fill))
        case "uri": return der(0x86, checked(check_uri, fill(content)))
        case "ip": return der(0x87, ipaddress.ip_address(content).packed)
        case "registered_id": return der(0x88, elements(oid(content))[0][1])
        case "hardware_module_name":
            need(1 <= len(fill(content["serial"])) <= 256, "hardware_module_name")
            return other("1.3.6.1.5.5.7.8.4", sequence(oid(content["type"]), der(4, fill(content["serial"]))))
        case "permanent_identifier":
            value = [der(0x0C, fill(content["value"]))] if "value" in content else []
            need(not value or 1 <= len(fill(content["value"]).decode()) <= 256, "permanent_identifier")
            assigner = [oid(content["assigner"])] if "assigner" in content else []
            return other("1.3.6.1.5.5.7.8.3", sequence(*value, *assigner))
        case "other_name": return other(content["type"], typed(content["value"], fill))
    raise Refused(f"general name {form}")


USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
          "cRLSign", "encipherOnly", "decipherOnly"]
SCHEMES = {"ocsp": ("http", "https"), "ca_issuers": ("http", "https", "ldap", "ldaps")}
ACCESS = {"ocsp": "1.3.6.1.5.5.7.48.1", "ca_issuers": "1.3.6.1.5.5.7.48.2"}


def purpose(one):
    return oid(f"1.3.6.1.5.5.7.3.{PURPOSES[one]}" if one in PURPOSES else one)


def purposes_asked(policy):
    """The purposes that the policy writes; None: none, so that certificates claim each."""
    table = policy.get("extensions", {}).get("extended_key_usage")
    return table and [dotted(content(purpose(one), 6)) for one in table["purposes"]]


def key_identifier(table, chip):
    return sha256(chip.point)[:20] if table["method"] == "rfc7093-1" else hashlib.sha1(chip.point).digest()


def certificate_policy(one, chip):
    one = {"id": one} if isinstance(one, str) else one
    qualifiers = []
    if "cps" in one:
        qualifiers.append(sequence(oid("1.3.6.1.5.5.7.2.1"), der(0x16, checked(check_uri, chip.fill(one["cps"])))))
    if "user_notice" in one:
        need(1 <= len(chip.fill(one["user_notice"]).decode()) <= 200, "user_notice is too long")
        qualifiers.append(sequence(oid("1.3.6.1.5.5.7.2.2"), sequence(der(0x0C, chip.fill(one["user_notice"])))))
    return sequence(oid(one["id"]), sequence(*qualifiers) if qualifiers else b"")


def uris(urls, chip, schemes=("http", "https", "ldap", "ldaps")):
    return [der(0x86, checked(check_uri, chip.fill(url), schemes)) for url in urls]


VALUES = {  # in the order in which they are encoded: the value from the policy's table
    "basic_constraints": lambda table, chip: sequence(),
    "key_usage": lambda table, chip: bit_string([USAGES.index(bit) for bit in table["bits"]]),
    "extended_key_usage": lambda table, chip: sequence(*map(purpose, table["purposes"])),
    "subject_key_identifier": lambda table, chip: der(4, key_identifier(table, chip)),
    "authority_key_identifier": lambda table, chip: sequence(der(0x80, chip.issuer_key_identifier)),
    "subject_alt_name": (lambda table, chip: sequence(
        *[general_name(one, chip.fill) for one in table["names"]])),
    "certificate_policies": (lambda table, chip: sequence(
        *[certificate_policy(one, chip) for one in table["policies"]])),
    "crl_distribution_points": (lambda table, chip: sequence(
        sequence(der(0xA0, der(0xA0, *uris(table["urls"], chip)))))),
    "authority_info_access": (lambda table, chip: sequence(
        *[sequence(oid(ACCESS[method]), uri) for method in ACCESS
          for uri in uris(table.get(method, []), chip, SCHEMES[method])])),
    "related_certificate": (lambda table, chip: sequence(
        sequence(oid("2.16.840.1.101.3.4.2.1")), der(4, chip.leaf.sha256))),
}
KEYS = {kind: key for key, kind in EXTENSIONS.items()}


def derived_serial(statement, issuer, leaf, attempt):
    binding = b""
    if statement["encoder"] == 2:
        beacon = statement["beacon"]
        binding = statement["batch"].encode() + (bytes.fromhex(beacon) if beacon else bytes(32))
    message = f"reroot-serial/{statement['encoder']}\0".encode() + sha256(issuer.spki) + binding + leaf.sha256
    message += attempt.to_bytes(4, "big")
    data = hmac.digest(bytes.fromhex(statement["serial_seed"]), message, "sha256")[:16]
    return bytes([data[0] & 0x3F | 0x40]) + data[1:]


def later(begin, duration):
    years, days, hours = map(int, re.fullmatch(r"(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?", duration).groups(default="0"))
    cycles, year = divmod(begin.year + years - 1, 400)  # the calendar repeats; Python's ends with the year 9999
    day = min(begin.day, calendar.monthrange(year + 1, begin.month)[1])
    end = begin.replace(year=year + 1, day=day) + timedelta(hours=hours, seconds=-1)
    return end + timedelta(days=cycles * 146097 + days)


def validity(rules, statement, leaf, issuer):
    begin, end = rules["not_before"], rules["not_after"]
    begin = {"issuance": utc(statement["issued_at"]), "source": leaf.begin}.get(begin) or moment(begin)
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    end = {"never": never, "source": leaf.end}.get(end) or (moment(end) if "-" in end else later(begin, end))
    need(issuer.begin <= begin <= issuer.end, "notBefore is outside of the issuing CA's validity")
    need(end <= issuer.end or rules["outlives_issuer"] != "error", "the certificate outlives the issuing CA")
    end = min(end, issuer.end) if rules["outlives_issuer"] == "clamp" else end
    need(begin <= end, "the validity is empty")
    return begin, end


def copied(common_name):
    """What may be copied of a leaf's last common name."""
    good = common_name and len(common_name) <= 64 and common_name == common_name.strip(" ")
    return common_name if good and not re.search(r"[\0-\x1f\x7f-\x9f]", common_name) else None


def crl_shard(uid, shards):
    """The number of the CRL that a chip's certificate is on when it is revoked."""
    first = int.from_bytes(sha256(b"reroot-crl-shard/1\0", uid)[:8], "big")
    return str(1 + first % shards).zfill(len(str(shards)))


class Chip:
    """What texts and extensions take from a leaf and its batch."""

    def __init__(self, policy, statement, leaf, issuer):
        uid, names = leaf.serial.hex().upper(), [text for kind, text in leaf.texts if kind == "2.5.4.3"]
        st = {"st_number": uid[4:], "unique": uid[4:18], "product_id": uid[18:]}
        variables = {**statement["params"], **(st if len(uid) == 22 else {}), "uid": uid, "source.serial": uid,
                     "source.common_name": copied(names[-1] if names else None), "source.sha256": leaf.sha256.hex(),
                     "spki.sha256": sha256(leaf.spki).hex(), "batch": statement["batch"],
                     "issued_at": statement["issued_at"]}
        if "revocation" in policy:
            variables["crl_shard"] = crl_shard(leaf.serial, policy["revocation"]["shards"])
        self.fill = lambda template: filled(template, variables)
        self.leaf, self.point = leaf, elements(elements(leaf.spki)[0][1])[1][1][1:]
        self.issuer_key_identifier = issuer.key_identifier


def wanted(policy, statement, leaf, issuer):
    """The fields that the policy asks for, then the extensions in their order, by the names that `differs` has."""
    chip, rules = Chip(policy, statement, leaf, issuer), policy["certificate"]
    begin, end = validity(rules, statement, leaf, issuer)
    fields = {"subject": name(rules["subject"], chip.fill), "not_before": begin, "not_after": end,
              "signature": signature_algorithm(rules["signature"])}
    tables = policy.get("extensions", {})
    asked = [(key, EXTENSIONS[key], VALUES[key], tables[key]) for key in VALUES if key in tables]
    asked += [(one["oid"], one["oid"], lambda table, chip: typed(table["value"], chip.fill), one)
              for one in tables.get("other", [])]
    extensions = {}
    for key, kind, value, table in asked:
        critical = der(1, b"\xff") if table.get("critical", False) else b""
        extensions[key] = sequence(oid(kind), critical, der(4, value(table, chip)))
    return fields, extensions
