"""Checks SARIF and JUnit reports against published schemas, and the pipeline files."""

import json
import pathlib
import sys

import jsonschema
from lxml import etree

sarif_schema, junit_schema, folder, own_schemas = sys.argv[1:5]
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

# GitLab publishes its form in prose: docs.gitlab.com/ci/testing/code_quality
quality = jsonschema.Draft202012Validator({
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?![./])."},
                    "lines": {"type": "object", "required": ["begin"]},
                },
            },
        },
    },
})
assert list(quality.iter_errors([{}]))
# The program's own forms: the ending of a file, and its schema.
own = {}
for ending, name in {
    ".json": "impact", ".diff": "diff", ".trace": "trace", ".show": "show",
    ".coverage": "show", ".flows-check": "flows-check",
}.items():
    schema = json.load(open(f"{own_schemas}/{name}.schema.json"))
    own[ending] = jsonschema.validators.validator_for(schema)(schema)
    assert list(own[ending].iter_errors({})), f"the schema of {name} rejects nothing"
real = sorted(pathlib.Path(folder, "real").glob("*.sarif"))
assert len(real) > 50, "too few fixtures were run"
errors = []
for path in real:
    found = [*validator.iter_errors(json.load(open(path)))]
    issues = json.load(open(path.with_suffix(".gitlab")))
    found += quality.iter_errors(issues)
    for ending, validator_of_ours in own.items():
        found += validator_of_ours.iter_errors(json.load(open(path.with_suffix(ending))))
    errors += [f"{path.stem}: {list(e.path)}: {e.message[:200]}" for e in found]
    if len({i["fingerprint"] for i in issues}) != len(issues):
        errors.append(f"{path.stem}: a fingerprint is there twice")
    if not xsd.validate(etree.parse(path.with_suffix(".junit"))):
        errors += [f"{path.stem}: {e}" for e in xsd.error_log]
report(f"{len(real)} fixtures as SARIF, JUnit, code quality and the JSON of every command", errors)
sys.exit(failed)
