"""Checks SARIF and JUnit reports against published schemas, and the pipeline files."""

import json
import sys

import jsonschema
from lxml import etree

sarif_schema, junit_schema, folder = sys.argv[1:4]
failed = False


def report(name, errors):
    global failed
    print(f"{name}: {'valid' if not errors else 'INVALID'}")
    for error in errors[:5]:
        print(f"  {error}")
    failed = failed or bool(errors)


schema = json.load(open(sarif_schema, encoding="utf-8-sig"))
validator = jsonschema.validators.validator_for(schema)(schema)
# What is plainly wrong must be found: an empty document.
assert list(validator.iter_errors({})), "the SARIF schema rejects nothing"
xsd = etree.XMLSchema(etree.parse(junit_schema))
assert not xsd.validate(etree.fromstring("<testsuites><x/></testsuites>"))
for name in ("all", "fine"):
    document = json.load(open(f"{folder}/{name}.sarif"))
    found = validator.iter_errors(document)
    report(f"{name}.sarif", [f"{list(e.path)}: {e.message[:200]}" for e in found])
    xsd.validate(etree.parse(f"{folder}/{name}.junit"))
    report(f"{name}.junit", [str(e) for e in xsd.error_log])
sys.exit(failed)
