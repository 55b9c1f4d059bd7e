#!/usr/bin/env python3
"""Checks bills of materials against the JSON schema of CycloneDX 1.5, strictly: every key is one of the specification's.

    packaging/validate-sbom.py FILE...
"""
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

status = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as bill:
        fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(bill.read())
    print(f"{path}: {'OK' if fault is None else f'FAILED: {fault.data}'}")
    status |= fault is not None
sys.exit(status)
