"""Streams, exports and replays of what real calls left in the ledger: all the same records, each of them once."""

import base64
import csv
import decimal
import http.client
import io
import json
import secrets
import signal
import subprocess
import threading

from case import STREAM, WHOLE, Case, body
from world import API, MODEL_HOST, get, poll

CONTENT = 'Content-Type: application/json'
# One call of each: what is counted whole, in part, not at all, refused, coded, odd.
SCENARIOS = ('', 'cut-midstream', 'no-usage', 'error429', 'inband-error', 'total-mismatch', 'tool-round', 'coded;coding=br')


def answer(path, headers=None):
    """An answer of the API that may be long: (head, body), only when it came whole."""
    connection = http.client.HTTPConnection('127.0.0.1', 8741, timeout=30)
    connection.request('GET', path, headers=headers or {})
    found = connection.getresponse()
    return found, found.read().decode()


class Listener(threading.Thread):
    """Somebody who reads /v1/usage/stream. Whatever is committed from now on is for them."""

    def __init__(self, query='', last_event_id=None):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection('127.0.0.1', 8741, timeout=60)
        self.connection.request('GET', f'/v1/usage/stream{query}', headers={'Last-Event-ID': last_event_id} if last_event_id else {})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.events = []  # (event, id, data)
        self.ending = None  # whole | cut
        self.start()

    def run(self):
        waiting = ''
        try:
            while octets := self.answer.read1():  # raises when there is no last chunk
                waiting += octets.decode()
                *blocks, waiting = waiting.split('\n\n')
                for block in blocks:
                    fields = dict(line.split(': ', 1) for line in block.split('\n') if not line.startswith(':'))
                    if 'data' in fields:
                        self.events.append((fields['event'], fields.get('id'), json.loads(fields['data'])))
            self.ending = 'whole'
        except (OSError, http.client.HTTPException):
            self.ending = 'cut'

    def records(self):
        return [data for event, _, data in list(self.events) if event == 'record']

    def wait(self, count):
        poll(lambda: len(self.records()) >= count or self.ending, 15, f'{count} records in the stream')
        return self.records()

    def close(self):
        if self.ending is None:
            self.answer.fp.raw._sock.shutdown(2)
            self.join(10)


class Long(Case):
    def setUp(self):
        super().setUp()
        self.start = max((r['sequence'] for r in self.world.records()), default=0)

    def listen(self, *args, **more):
        listener = Listener(*args, **more)
        self.addCleanup(listener.close)
        return listener

    def call(self, version='--http1.1', scenario='', prompt='long'):
        """One call by curl, whatever becomes of it."""
        return self.world.run('curl', '-sS', '-m', '30', version, '-H', f'X-Fake-Scenario: {scenario}', '-H', 'X-Fake-Tag: proxied', '-H',
                              CONTENT, '--data-binary', '@-', STREAM, proxied=True, stdin=body(prompt))

    def committed(self):
        """The records since the case began, in the order of their commits."""
        return sorted((r for r in self.world.records() if r['id'] not in self.before), key=lambda r: r['sequence'])


class Stream(Long):
    def test_a_call_is_in_every_open_stream_as_it_is_in_the_ledger(self):
        listeners = [self.listen(), self.listen('?model=gemini-3-flash'), self.listen(f'?after={self.start}')]
        stranger = self.listen('?model=of-somebody-else')
        for number, scenario in enumerate(SCENARIOS, 1):
            self.call(('--http1.1', '--http2')[number % 2], scenario)
            for listener in listeners:
                self.assertEqual(number, len(listener.wait(number)))
        self.assertEqual(len(SCENARIOS), len(self.assertMetered()))
        for listener in listeners:
            self.assertIsNone(listener.ending)
            self.assertEqual(self.committed(), listener.records())
            self.assertEqual([str(r['sequence']) for r in listener.records()], [each for _, each, _ in listener.events])
        self.assertEqual([], stranger.records())

    def test_nothing_is_lost_or_repeated_over_a_restart(self):
        listener = self.listen()
        for _ in range(3):
            self.call()
        seen = listener.wait(3)
        self.world.restart_daemon()
        listener.join(20)
        self.assertEqual('whole', listener.ending)
        event, _, said = listener.events[-1]
        self.assertEqual(('end', 'stopping', seen[-1]['sequence']), (event, said['reason'], said['resume_after']))
        # While nobody listens.
        for version in ('--http1.1', '--http2'):
            self.call(version)
        self.new_records(5)
        last = listener.events[-2][1]
        both = [self.listen(last_event_id=last), self.listen(f'?after={last}'), self.listen('?after=0', last_event_id=last)]
        for again in both:
            again.wait(2)
        self.call()
        for again in both:
            again.wait(3)
            self.assertEqual(self.committed(), seen + again.records())
        # From before the case; what others left in the ledger may be tens of thousands.
        early = max(0, self.start - 200)
        older = sorted((r for r in self.world.records() if r['sequence'] > early), key=lambda r: r['sequence'])
        found = self.listen(f'?after={early}').wait(len(older))
        self.assertEqual([r['id'] for r in older], [r['id'] for r in found])
        self.assertTrue(older == found, 'the same records')

    def test_nothing_is_lost_or_repeated_when_the_daemon_is_killed_in_mid_stream(self):
        listener = self.listen()
        callers = [threading.Thread(target=self.world.run, args=(self.world.doubles / 'fake-client', '--tag', 'proxied', '--alpn', alpn,
                                    '--count', '40', '--expect', 'any'), kwargs={'proxied': True}) for alpn in ('http/1.1', 'h2,http/1.1')]
        for caller in callers:
            caller.start()
        listener.wait(5)
        self.world.children['daemon'].send_signal(signal.SIGKILL)
        self.world.children.pop('daemon').wait(20)
        for caller in callers:
            caller.join(60)
        listener.join(20)
        self.assertEqual('cut', listener.ending)
        self.world.start_daemon()
        seen = listener.records()
        # What the killed process had committed and what the new one took over from the spool.
        whole = poll(lambda: self.world.status()['ledger']['waiting'] == 0 and self.committed(), 10, 'the spool is committed')
        again = self.listen(last_event_id=str(seen[-1]['sequence']))
        self.call()
        again.wait(len(whole) + 1 - len(seen))
        self.assertEqual(self.committed(), seen + again.records())
        self.assertEqual(0, self.world.status()['ledger']['lost_ever'])


class Export(Long):
    def every_page(self, limit, query=''):
        """All records through the cursors of /v1/usage/records, newest first."""
        found, cursor = [], ''
        while True:
            page = get(f'{API}/v1/usage/records?limit={limit}{query}{cursor}')
            found += page['records']
            if page['next_cursor'] is None:
                return found
            cursor = f'&cursor={page["next_cursor"]}'

    def flat(self, record):
        """A record as its line of CSV says it."""
        flat = dict(record, **(record['usage'] or {}), speed=record['modifiers']['speed'],
                    inference_geo=record['modifiers']['inference_geo'], cost_usd_estimate=record['cost_pico_usd'] and
                    decimal.Decimal(record['cost_pico_usd']) / 10**12)
        for key in ('type', 'code'):
            flat[f'error_{key}'] = (record['error'] or {}).get(key)
        return flat

    def test_each_format_has_each_record_as_the_pages_have_it(self):
        for scenario in SCENARIOS:
            for version in ('--http1.1', '--http2'):
                self.call(version, scenario, prompt=f'=cmd|"{scenario}",\n\u00e4')
        since = 'since=' + min(r['started_at'] for r in self.assertMetered())
        pages = sorted(self.every_page(7, f'&{since}'), key=lambda r: r['sequence'])
        self.assertGreaterEqual(len(pages), 2 * len(SCENARIOS))

        head, text = answer(f'/v1/usage/export?format=json&{since}')
        self.assertEqual((200, 'chunked'), (head.status, head.headers['Transfer-Encoding']))
        self.assertEqual(pages, json.loads(text)['records'])
        head, text = answer(f'/v1/usage/export?format=ndjson&{since}')
        self.assertRegex(head.headers['Content-Type'], 'ndjson')
        self.assertEqual(pages, [json.loads(line) for line in text.splitlines()])

        head, text = answer(f'/v1/usage/export?format=csv&{since}')
        self.assertRegex(head.headers['Content-Type'], '^text/csv')
        self.assertEqual(text.count('\n'), text.count('\r\n'))
        lines = list(csv.DictReader(io.StringIO(text, newline=''), strict=True))
        self.assertEqual(len(pages), len(lines))
        for record, line in zip(pages, lines):
            flat = self.flat(record)
            for column, cell in line.items():
                self.assertSameCell(flat.get(column), cell, f'{column} of {record["id"]}')
        for key in ('usage', 'modifiers', 'error', 'schema', 'cost_usd', 'cost_pico_usd', 'cost_basis'):
            self.assertNotIn(key, lines[0])
        # Nothing of a record is missing in its line.
        self.assertEqual(set(self.flat(pages[0])) - {'usage', 'modifiers', 'error', 'schema', 'cost_usd', 'cost_pico_usd', 'cost_basis'}
                         - set(lines[0]), set())

    def assertSameCell(self, value, cell, what):
        if value in (None, [], {}):
            self.assertEqual('', cell, what)
        elif isinstance(value, bool):
            self.assertEqual(str(value).lower(), cell, what)
        elif isinstance(value, (list, dict)):
            self.assertEqual(value, json.loads(cell), what)
        elif isinstance(value, (int, decimal.Decimal)):
            self.assertEqual(value, decimal.Decimal(cell), what)
        else:
            self.assertEqual(value, cell, what)

    def test_what_answers_say_is_in_none_of_them(self):
        # The installed service is looked at by tests/system/cases/test_canary.py.
        secret = 'Zq' + secrets.token_hex(9) + 'qZ'
        listener = self.listen()
        kinds = ('', 'inband-error', 'error429', 'error503-sse-type', 'cut-midstream', 'tool-round')
        for kind in kinds:
            for version in ('--http1.1', '--http2'):
                said = self.call(version, f'echo,{kind}', prompt=f'please keep {secret} to yourself')
                # curl drops what it has not written when a stream is reset.
                if (kind, version) != ('cut-midstream', '--http2'):
                    self.assertIn(secret, said.text, f'{kind} {version} {said}')
        count = 2 * len(kinds)
        listener.wait(count)
        self.assertEqual(count, len(self.new_records(count)))
        pages = {path: answer(path)[1] for path in ('/v1/usage/records?limit=1000', '/v1/usage?group_by=model,host,kind,uid', '/v1/status', '/metrics',
                                                    *(f'/v1/usage/export?format={form}' for form in ('csv', 'json', 'ndjson')))}
        pages |= {'stream': json.dumps(listener.events), 'log': self.world.daemon_log()}
        pages |= {file.name: file.read_bytes().decode('latin-1') for file in (self.world.scratch / 'state').rglob('*') if file.is_file()}
        self.assertIn('usage.db-spool', pages)
        for name, text in pages.items():
            self.assertNotIn(secret.lower(), text.lower(), name)

    def test_a_filtered_export_has_what_the_filtered_pages_have(self):
        for scenario in ('', 'error429'):
            self.call(scenario=scenario)
        made = self.new_records(2)
        since = 'since=' + min(r['started_at'] for r in made)
        for more in ('', '&model=gemini-3-flash', f'&host={MODEL_HOST}', '&model=of-nobody', f'&kind={made[0]["request_kind"]}'):
            query = f'&{since}{more}'
            pages = self.every_page(1000, query)
            exported = [json.loads(line) for line in answer(f'/v1/usage/export?format=ndjson{query}')[1].splitlines()]
            self.assertEqual(sorted(pages, key=lambda r: r['sequence']), exported, query)


class Replay(Long):
    """A recorded exchange, read again offline, says what the daemon said when it passed."""

    # How it came, when, where to, in what order: not of the exchange itself.
    SAME = ('provider', 'api', 'host', 'path', 'request_kind', 'cascade_id', 'trajectory_id', 'step_index', 'http_status', 'stream', 'model',
            'model_source', 'request_model', 'response_id', 'request_id', 'trace_id', 'outcome', 'finish', 'finish_raw', 'error', 'usage_state', 'usage',
            'reported', 'additional_usage', 'service_tier', 'modifiers', 'tool_calls', 'server_tools', 'credits_consumed', 'flags',
            'cost_pico_usd', 'price_version')

    def replay(self, *arguments):
        program = self.world.daemon.parents[2] / 'cli' / 'antigravity-proxy'
        done = subprocess.run([program, 'replay', *map(str, arguments)], capture_output=True, timeout=60, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stderr.decode()), arguments)
        return json.loads(done.stdout)

    def setUp(self):
        super().setUp()
        if not (self.world.daemon.parents[2] / 'cli' / 'antigravity-proxy').exists():
            self.skipTest('the command is not built next to the daemon (ninja cli/antigravity-proxy)')
        self.folder = self.world.scratch / self.fresh_id()
        self.folder.mkdir()

    def file(self, name, octets):
        (self.folder / name).write_bytes(octets)
        return self.folder / name

    def assertReplayed(self, records, *arguments):
        found = self.replay(*arguments)
        pick = lambda record: {key: record[key] for key in self.SAME}
        self.assertEqual([pick(r) for r in records], [pick(r) for r in found])

    def test_octets_of_http_1_1_with_their_request(self):
        target = STREAM.partition(MODEL_HOST)[2]
        for scenario in ('', 'tiny-chunks', 'coded;coding=gzip', 'coded;coding=zstd', 'concatenated-gzip', 'inband-error', 'error429',
                         'total-mismatch', 'tool-round', 'trailers', 'no-usage', 'max-tokens', 'content-length', 'unterminated'):
            with self.subTest(scenario=scenario):
                known = {r['id'] for r in self.world.records()}
                asked = body(f'replay {scenario}')
                request = (f'POST {target} HTTP/1.1\r\nHost: {MODEL_HOST}\r\nAccept-Encoding: gzip\r\nX-Fake-Scenario: {scenario}\r\n{CONTENT}\r\n'
                           f'Connection: close\r\nContent-Length: {len(asked)}\r\n\r\n').encode() + asked
                done = self.world.run('openssl', 's_client', '-quiet', '-connect', f'{MODEL_HOST}:443', '-servername', MODEL_HOST, '-CAfile',
                                      self.world.bundle, '-verify_return_error', proxied=True, stdin=request)
                self.assertTrue(done.out.startswith(b'HTTP/1.1 '), str(done))
                records = poll(lambda: [r for r in self.world.records() if r['id'] not in known], 10, 'the record')
                self.assertReplayed(records, self.file('both', request + done.out))
                self.assertReplayed(records, '--request', self.file('request', request), self.file('response', done.out))

    def test_what_curl_and_a_browser_write(self):
        for version in ('--http1.1', '--http2'):
            for url in (STREAM, WHOLE):
                with self.subTest(version=version, url=url):
                    known = {r['id'] for r in self.world.records()}
                    asked = body(f'replay {version}')
                    done = self.world.run('curl', '-sS', '-i', version, '-H', CONTENT, '--data-binary', '@-', url, proxied=True, stdin=asked)
                    self.assertEqual(0, done.code, str(done))
                    record = poll(lambda: [r for r in self.world.records() if r['id'] not in known], 10, 'the record')[0]
                    [found] = self.replay('--url', url, self.file('answer', done.out))
                    for key in ('provider', 'api', 'http_status', 'stream', 'response_id', 'trace_id', 'outcome', 'finish', 'usage_state', 'usage',
                                'reported', 'protocol', 'flags'):
                        self.assertEqual(record[key], found[key], key)
                    head, _, content = done.out.partition(b'\r\n\r\n')
                    names = [line.split(': ', 1) for line in head.decode().split('\r\n')[1:]]
                    har = {'log': {'version': '1.2', 'creator': {'name': 'interop', 'version': '1'}, 'entries': [{
                        'startedDateTime': record['started_at'], 'time': 1,
                        'request': {'method': 'POST', 'url': url, 'httpVersion': 'HTTP/1.1', 'headers': [
                            {'name': 'Content-Type', 'value': 'application/json'}],
                            'postData': {'mimeType': 'application/json', 'text': asked.decode()}},
                        'response': {'status': 200, 'statusText': 'OK', 'httpVersion': 'HTTP/1.1', 'headers': [
                            {'name': name, 'value': value} for name, value in names],
                            'content': {'size': len(content), 'mimeType': 'text/event-stream' if url == STREAM else 'application/json',
                                        'encoding': 'base64', 'text': base64.b64encode(content).decode()}}}]}}
                    self.assertReplayed([record], self.file('session.har', json.dumps(har).encode()))
