"""What the interop cases have in common."""

import hashlib
import importlib.util
import itertools
import json
import shutil
import subprocess
import unittest
from pathlib import Path

from world import MODEL_HOST, poll

CLIENTS = Path(__file__).resolve().parent / 'clients'
STREAM = f'https://{MODEL_HOST}/v1internal:streamGenerateContent?alt=sse'
WHOLE = f'https://{MODEL_HOST}/v1internal:generateContent'
_number = itertools.count(1)


def body(prompt='interoperate', model='gemini-3-flash'):
    return json.dumps({'project': 'fake-project', 'model': model, 'requestType': 'agent', 'userAgent': 'interop',
                       'request': {'contents': [{'role': 'user', 'parts': [{'text': prompt}]}]}}).encode()


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Case(unittest.TestCase):
    """A case begins with nothing in upstream's truth and knows which records are older than itself."""

    world = None
    longMessage = True
    maxDiff = None

    def setUp(self):
        self.world.ensure_daemon()
        poll(self.is_quiet, 20, 'every connection of earlier cases is over, and what it cost is written')
        self.world.reset()
        self.before = {record['id'] for record in self.world.records()}

    def is_quiet(self):
        status = self.world.status()
        return status['interception']['open'] == 0 and status['ledger']['waiting'] == 0

    def tearDown(self):
        self.assertIsNone(self.world.children['daemon'].poll(), 'the daemon died')

    def new_records(self, count, seconds=10):
        """The records since the case began, oldest first, once there are so many."""
        def there():
            found = [r for r in self.world.records() if r['id'] not in self.before]
            return found if len(found) >= count else None
        if count == 0:
            return there() or []
        return sorted(poll(there, seconds, f'{count} records; there are '
                           f'{[r for r in self.world.records() if r["id"] not in self.before]}'), key=lambda r: r['id'])

    def policy(self, text):
        """policy.yaml for the rest of the case."""
        self.addCleanup(self.world.reload_policy, '')
        found = self.world.reload_policy(text)
        self.assertEqual([], found['faults'])

    def fresh_id(self):
        return f'{type(self).__name__}{next(_number)}'.lower()

    def assertMetered(self, tag='proxied'):
        """Every model call that upstream answered has one record with the same numbers."""
        calls = self.world.truth(tag)['calls']
        self.assertGreater(len(calls), 0, 'upstream saw no model call')
        records = self.new_records(len(calls))
        self.assertEqual(len(calls), len(records), records)
        unmatched = list(records)
        for call in calls:
            record = next((r for r in unmatched if r['response_id'] == (call['response_id'] or None)), None)
            self.assertIsNotNone(record, f'no record for {call["response_id"]!r} among {unmatched}')
            unmatched.remove(record)
            for key in ('host', 'path', 'model', 'outcome', 'usage_state'):
                self.assertEqual(call[key], record[key], key)
            if call['protocol'] != 'websocket':
                self.assertEqual(call['status'], record['http_status'])
                self.assertEqual(call['protocol'], record['protocol'])
            if call['usage'] is None:
                self.assertIsNone(record['usage'])
            else:
                self.assertEqual(call['usage'], {key: record['usage'][key] for key in call['usage']})
        return records

    def assertAllDirectCallsUncounted(self):
        self.assertEqual([], self.new_records(0))

    def need(self, program='', package='', module=''):
        """Skips loudly when a client is missing on this machine."""
        if program and not shutil.which(program):
            self.skipTest(f'{program} is not installed (package {package or program})')
        if module and subprocess.run(['/usr/bin/python3', '-c', f'import {module}'], capture_output=True).returncode != 0:
            self.skipTest(f'python module {module} is not installed (package {package or "python3-" + module})')

    def agreed(self, host):
        """What the connections to a host offered and agreed on, as upstream saw it: [(offered, alpn)]."""
        return [(tuple(c['alpn_offered']), c['alpn']) for c in self.world.connections() if c['sni'] == host]
