#!/usr/bin/python3
"""Holds answers of the API against the published JSON Schemas, and the CSV form against the JSON form.

usage: schemas_test.py SAMPLES SCHEMA_FOLDER
Ends with 77, which Meson counts as skipped, where python3-jsonschema is not installed.
"""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

try:
    import jsonschema
except ImportError:
    print('python3-jsonschema is not installed')
    sys.exit(77)

NAMES = ('quota-history.v1', 'quota.v1', 'record.v1', 'records.v1', 'sessions.v1', 'usage.v1', 'why.v1')


def closed(schema):
    """The same schema without room for members that it does not describe."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    if 'properties' in out and isinstance(out['properties'], dict) and 'type' in out and 'allOf' not in out:
        out.setdefault('additionalProperties', False)
    return out


def load(folder, strict):
    schemas = {name: json.loads((folder / f'{name}.json').read_text(encoding='utf-8')) for name in NAMES}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    if strict:
        schemas = {name: closed(schema) for name, schema in schemas.items()}
        # The sums of a group stand beside its key: closing them would forbid it.
        del schemas['usage.v1']['$defs']['sums']['additionalProperties']
    store = {schema['$id']: schema for schema in schemas.values()}
    return {name: jsonschema.Draft202012Validator(
        schema, resolver=jsonschema.RefResolver(schema['$id'], schema, store=store)) for name, schema in schemas.items()}


def sample(program, name):
    return subprocess.run([program, name], check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode('utf-8')


def without_apostrophe(text):
    return text[1:] if text.startswith("'") else text


def check_csv(text, records):
    rows = list(csv.DictReader(io.StringIO(text, newline=''), strict=True))
    assert len(rows) == len(records), (len(rows), len(records))
    for row, record in zip(rows, records):
        assert None not in row, row
        for name in ('host', 'path', 'instance', 'model', 'finish_raw', 'cascade_id', 'response_id'):
            assert without_apostrophe(row[name]) == (record[name] or ''), (name, row[name], record[name])
        for name in ('input_total', 'output_total', 'reasoning', 'total', 'reported_total'):
            known = record['usage'] and record['usage'][name] is not None
            assert row[name] == (str(record['usage'][name]) if known else ''), (name, row[name])
        for name in ('sequence', 'bytes_in', 'local_uid', 'http_status', 'step_index', 'credits_consumed'):
            assert row[name] == ('' if record[name] is None else str(record[name])), (name, row[name])
        assert (json.loads(row['reported']) if row['reported'] else {}) == record['reported']
        assert (json.loads(row['tool_calls']) if row['tool_calls'] else []) == record['tool_calls']
        for name, value in row.items():
            assert value[:1] not in tuple('=+-@\t\r\n') or value == '', (name, value)


def main(argv):
    program, folder = argv[1], Path(argv[2])
    records = [json.loads(line) for line in sample(program, 'record').split('\n') if line]
    assert len(records) == 301
    for validators in (load(folder, strict=False), load(folder, strict=True)):
        for record in records:
            validators['record.v1'].validate(record)
        validators['records.v1'].validate(json.loads(sample(program, 'records')))
        for name in ('quota', 'quota-history', 'sessions', 'usage', 'why'):
            validators[f'{name}.v1'].validate(json.loads(sample(program, name)))
    # The schemas refuse what is wrong: a count that is unknown is never a word or a negative number.
    for change in ({'sequence': -1}, {'usage': {}}, {'outcome': 'fine'}, {'model': 7}, {'schema': 'x'}):
        try:
            validators['record.v1'].validate({**records[0], **change})
        except jsonschema.ValidationError:
            continue
        raise AssertionError(f'the schema takes {change}')
    # A share is one, or it is not known: never a number beyond, never a word.
    quota = json.loads(sample(program, 'quota'))
    for wrong in (1.5, -0.1, '0.5', 'unknown'):
        quota['models'][0]['remaining_fraction'] = wrong
        try:
            validators['quota.v1'].validate(quota)
        except jsonschema.ValidationError:
            continue
        raise AssertionError(f'the schema takes {wrong} as a share')
    check_csv(sample(program, 'csv'), records)
    print(f'{len(records)} records')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
