#!/usr/bin/env python3
"""Prints the bill of materials of one program as CycloneDX 1.5 (JSON): every crate that is linked into it.

    packaging/sbom.py PACKAGE COMMIT TARGET > reroot.cdx.json

`cargo tree` says what is linked (no crate of tests, build scripts or procedural macros), `cargo metadata` what each crate
says of itself, Cargo.lock its SHA-256. The same commit has the same bill: its time is SOURCE_DATE_EPOCH.
"""
import datetime, json, os, subprocess, sys, tomllib, uuid

package, commit, target = sys.argv[1:]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments, "--locked"], check=True, stdout=subprocess.PIPE, text=True).stdout


metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
described = {(one["name"], one["version"]): one for one in metadata["packages"]}
with open("Cargo.lock", "rb") as lock:
    locked = {(one["name"], one["version"]): one for one in tomllib.load(lock)["package"]}

# depth, name and version of each crate, in the tree's order
needs, above = {}, []
tree = cargo("tree", "--package", package, "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "depth", "--no-dedupe",
             "--format", "\t{p}")
for line in tree.splitlines():
    depth, crate = line.split("\t")
    name, version = crate.split(" ")[:2]
    key = (name, version.removeprefix("v"))
    needs.setdefault(key, set())
    del above[int(depth):]
    if above:
        needs[above[-1]].add(key)
    above.append(key)


def reference(key):
    return f"pkg:cargo/{key[0]}@{key[1]}"


def component(key):
    crate, checksum = described[key], locked[key].get("checksum")
    one = {"type": "library", "bom-ref": reference(key), "name": key[0], "version": key[1]}
    if crate["description"]:
        one["description"] = " ".join(crate["description"].split())
    if checksum:
        one["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if crate["license"]:
        one["licenses"] = [{"expression": crate["license"].replace("/", " OR ")}]
    # crates of this repository are in no registry
    if crate["source"]:
        one["purl"] = reference(key)
    if crate["repository"]:
        one["externalReferences"] = [{"type": "vcs", "url": crate["repository"]}]
    return one


[root] = [key for key in needs if key[0] == package]
program = {**component(root), "type": "application", "properties": [{"name": "commit", "value": commit}]}
made = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
bill = {
    "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{reference(root)}?commit={commit}&target={target}").urn,
    "version": 1,
    "metadata": {
        "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "component": program,
        "properties": [{"name": "target", "value": target}],
    },
    "components": [component(key) for key in sorted(needs) if key != root],
    "dependencies": [{"ref": reference(key), "dependsOn": sorted(map(reference, needs[key]))} for key in sorted(needs)],
}
json.dump(bill, sys.stdout, indent=1, ensure_ascii=False)
print()
