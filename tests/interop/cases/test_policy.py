"""policy.yaml end to end: what is blocked never reaches upstream, what is changed arrives changed."""

import json
from pathlib import Path

import test_differential as conversation
from case import STREAM, WHOLE, Case, body
from lab import DATA, HEADERS, PREFACE, SETTINGS, Http2, Lab, block, frame, request
from world import CONNECT, CORPUS_HOST, LAB_HOST, MODEL_HOST, poll

H1, H2 = ('http/1.1',), ('h2',)
VERSIONS = (('--http1.1', 'http/1.1'), ('--http2', 'h2'))
BLOCKING = f'''\
http:
  - match: {MODEL_HOST}
    rules:
      - {{methods: [POST], path: "/v1internal:generateContent", action: block, reason: "not on this machine"}}
      - {{path: "/v1internal:*", action: allow}}
      - {{path: "/**", action: block}}
'''
EDITING = f'''\
http:
  - match: {LAB_HOST}
    headers:
      - {{direction: request, set: x-team, value: blue}}
      - {{direction: request, remove: x-secret}}
      - {{direction: response, set: x-seen-by, value: policy}}
      - {{direction: response, remove: server}}
    accept_encoding: decodable
'''


class Rules(Case):
    def curl(self, url, version, *more, tag='proxied'):
        return self.world.run('curl', '-sS', '-m', '30', version, '-H', f'X-Fake-Tag: {tag}', '-H', 'Content-Type: application/json',
                              '--data-binary', '@-', '-w', '\n%{http_version} %{http_code}', *more, url, proxied=True, stdin=body())

    def test_a_blocked_request_is_403_and_upstream_saw_nothing(self):
        self.policy(BLOCKING)
        for version, _ in VERSIONS:
            for url in (WHOLE, f'https://{MODEL_HOST}/echo', f'https://{MODEL_HOST}/v1internal%3AgenerateContent',
                        f'https://{MODEL_HOST}/x/../v1internal:generateContent'):
                with self.subTest(version=version, url=url):
                    self.setUp()
                    done = self.curl(url, version, '--path-as-is')
                    self.assertEqual(0, done.code, str(done))
                    said, _, status = done.text.rpartition('\n')
                    self.assertEqual(f'{"2" if version == "--http2" else "1.1"} 403', status)
                    error = json.loads(said)['error']
                    self.assertEqual(('policy_blocked', 'blocked_by_policy'), (error['type'], error['code']))
                    if url == WHOLE:
                        self.assertEqual('not on this machine', error['message'])
                    truth = self.world.truth()
                    self.assertEqual([], truth['calls'] + truth['other'])
                    self.assertEqual([], self.new_records(0))

    def test_an_allowed_request_to_the_same_host_passes_and_is_counted(self):
        self.policy(BLOCKING)
        for version, protocol in VERSIONS:
            for more in ((), ('-x', f'http://127.0.0.1:{CONNECT}')):
                with self.subTest(version=version, more=more):
                    self.setUp()
                    done = self.curl(STREAM, version, '--compressed', *more)
                    self.assertTrue(done.text.endswith(' 200'), str(done))
                    self.assertEqual([protocol], [r['protocol'] for r in self.assertMetered()])

    def test_the_rewritten_answer_is_the_upstreams(self):
        # Framing may differ; the body, its coding and the status may not.
        for version, _ in VERSIONS:
            for scenario in ('', 'coded;coding=br', 'concatenated-gzip', 'tiny-chunks', 'trailers', 'early-hints', 'until-close',
                             'content-length', 'big-bulk;size=4M', 'goaway'):
                with self.subTest(version=version, scenario=scenario):
                    self.setUp()
                    fixed = f'{scenario};id={self.fresh_id()}'
                    outputs = []
                    for rules in ('', BLOCKING):
                        self.policy(rules)
                        done = self.curl(STREAM, version, '--fail', '-H', f'X-Fake-Scenario: {fixed}', '-H', 'Accept-Encoding: gzip',
                                         tag='proxied' if rules else 'verbatim')
                        self.assertEqual(0, done.code, str(done))
                        outputs.append(done.out)
                    self.assertEqual(outputs[0], outputs[1])
                    calls = self.world.truth()['calls']
                    self.assertEqual(2, len(calls))
                    usage = [(r['usage']['total'], r['outcome']) for r in self.new_records(2)]
                    self.assertEqual([(call['usage']['total'], call['outcome']) for call in calls], usage)

    def test_a_cut_answer_stays_cut(self):
        self.policy(BLOCKING)
        for version, _ in VERSIONS:
            for scenario in ('cut-midstream', 'reset-midstream', 'fin-midchunk'):
                with self.subTest(version=version, scenario=scenario):
                    self.setUp()
                    done = self.curl(STREAM, version, '-H', f'X-Fake-Scenario: {scenario}')
                    self.assertNotEqual(0, done.code, 'an aborted stream looked complete')
                    record, = self.new_records(1)
                    self.assertEqual('partial', record['outcome'])

    def test_a_mapped_model_is_what_upstream_is_asked_for_and_what_is_counted(self):
        self.policy(f'''\
http:
  - match: {MODEL_HOST}
    request: {{map_model: [{{from: gemini-3-flash, to: gemini-3-pro-high}}]}}
''')
        for version, _ in VERSIONS:
            with self.subTest(version=version):
                self.setUp()
                self.assertTrue(self.curl(STREAM, version).text.endswith(' 200'))
                self.assertEqual(['gemini-3-pro-high'], [c['request_model'] for c in self.world.truth('proxied')['calls']])
                self.assertMetered()

    def test_fields_and_codings_of_http1(self):
        self.policy(EDITING)
        lab = Lab(self.world, LAB_HOST)
        self.addCleanup(lab.close)
        client, server = lab.pair(H1)
        client.send(f'GET /a HTTP/1.1\r\nHost: {LAB_HOST}\r\nX-Secret: 1\r\nX-Team: red\r\nX-Team: green\r\n'
                    'Accept-Encoding: x-odd, gzip;q=0.5, br, compress\r\n\r\n'.encode())
        server.wait_end_of_head()
        fields = [line.split(': ', 1) for line in bytes(server.received).decode().split('\r\n')[1:-2]]
        value = {name.lower(): text for name, text in fields}
        self.assertEqual(len(fields), len(value), fields)
        self.assertEqual(('blue', LAB_HOST, None), (value['x-team'], value['host'], value.get('x-secret')))
        self.assertEqual({'gzip;q=0.5', 'br'}, {part.strip() for part in value['accept-encoding'].split(',')} - {'identity'})
        server.send(b'HTTP/1.1 200 OK\r\nServer: lab\r\nX-Other: kept\r\nContent-Length: 2\r\n\r\nok')
        poll(lambda: client.received.endswith(b'ok'), 15, 'the answer')
        head = bytes(client.received).decode().lower()
        self.assertIn('x-seen-by: policy\r\n', head)
        self.assertIn('x-other: kept\r\n', head)
        self.assertNotIn('server:', head)

    def test_fields_and_codings_of_http2(self):
        self.need(module='h2')
        self.policy(EDITING)
        lab = Lab(self.world, LAB_HOST)
        self.addCleanup(lab.close)
        ends = lab.pair(H2)
        client, server = Http2(ends[0], True), Http2(ends[1], False)
        client.ask(1, LAB_HOST, '/a', ('x-secret', '1'), ('x-team', 'red'), ('accept-encoding', 'x-odd, gzip;q=0.5, br'), data=b'{}')
        asked = server.wait('RequestReceived')
        value = dict(asked.headers)
        self.assertEqual(('blue', LAB_HOST, None), (value['x-team'], value[':authority'], value.get('x-secret')))
        self.assertEqual({'gzip;q=0.5', 'br'}, {part.strip() for part in value['accept-encoding'].split(',')} - {'identity'})
        self.assertEqual(b'{}', server.body(asked.stream_id))
        server.h2.send_headers(asked.stream_id, [(':status', '200'), ('server', 'lab'), ('x-other', 'kept')])
        server.h2.send_data(asked.stream_id, b'ok', end_stream=True)
        server.flush()
        answer = dict(client.wait('ResponseReceived', 1).headers)
        self.assertEqual(('policy', 'kept', None), (answer['x-seen-by'], answer['x-other'], answer.get('server')))
        self.assertEqual(b'ok', client.body(1))


class Smuggling(Case):
    """tests/data/smuggling through the whole daemon; each file says there what must become of it."""

    FOLDER = Path(__file__).resolve().parents[2] / 'data/smuggling'

    def setUp(self):
        super().setUp()
        self.lab = Lab(self.world, CORPUS_HOST)
        self.addCleanup(self.lab.close)
        self.policy(f'http:\n  - match: {CORPUS_HOST}\n    rules: [{{path: "/never", action: block}}]\n')

    def rows(self, file):
        lines = (self.FOLDER / file).read_text().splitlines()
        return [line.split('\t')[:3] for line in lines if line and not line.startswith('#')]

    def ended(self, *ends):
        for end in ends:
            self.assertEqual('close_notify', end.wait_end())
            end.close()
        self.lab.ends.clear()

    def assertRefused(self, client, status, code, interim=0):
        client.wait_end()
        said = bytes(client.received)
        hint = b'HTTP/1.1 103 Early Hints\r\n\r\n'
        self.assertTrue(said.startswith(hint * interim), said[:200])
        said = said[len(hint) * interim:]
        self.assertTrue(said.startswith(f'HTTP/1.1 {status} '.encode()), said[:200])
        head, _, content = said.partition(b'\r\n\r\n')
        self.assertIn(b'connection: close', head.lower())
        self.assertEqual(code, json.loads(content)['error']['code'])

    # threat-model 61
    def test_requests(self):
        rows = self.rows('requests.tsv')
        self.assertGreater(len(rows), 100)
        for name, outcome, code in rows:
            with self.subTest(name=name):
                client, server = self.lab.pair(H1, CORPUS_HOST)
                client.send((self.FOLDER / f'{name}.raw').read_bytes(), chunks=False)
                if outcome.startswith('relayed'):
                    expected = (self.FOLDER / f'{name}.upstream').read_bytes()
                    count = int(outcome.split()[1])
                    for number in range(count):
                        server.wait_received(len(expected) if number + 1 == count else expected.rindex(b'GET '))
                        server.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
                        poll(lambda n=number: bytes(client.received).count(b'\r\n\r\nok') == n + 1 or client.ending, 15, 'the answer')
                    client.finish()
                    server.wait_end()
                    self.assertEqual(expected, bytes(server.received))
                    self.assertEqual(count, bytes(client.received).count(b'HTTP/1.1 200'))
                    self.lab.ends.clear()
                    continue
                self.assertRefused(client, int(outcome), code)
                self.ended(client, server)
                self.assertNotIn(b'/smuggled', bytes(server.received))
                if not name.startswith('chunk-'):
                    self.assertEqual(b'', bytes(server.received), 'upstream saw something')

    # threat-model 62
    def test_answers(self):
        rows = self.rows('responses.tsv')
        self.assertGreater(len(rows), 15)
        for name, outcome, code in rows:
            with self.subTest(name=name):
                client, server = self.lab.pair(H1, CORPUS_HOST)
                client.send(f'GET / HTTP/1.1\r\nHost: {CORPUS_HOST}\r\n\r\n'.encode(), chunks=False)
                server.wait_end_of_head()
                server.send((self.FOLDER / f'{name}.raw').read_bytes(), chunks=False)
                if outcome == '502':
                    # Interim answers are passed on as they come, as many as may.
                    self.assertRefused(client, 502, code, 32 if name == 'answer-interim-flood' else 0)
                    self.ended(client, server)
                    continue
                expected = (self.FOLDER / f'{name}.client').read_bytes()
                client.wait_received(len(expected))
                if outcome == 'relayed':
                    client.finish()
                client.wait_end()
                self.assertEqual(expected, bytes(client.received))
                server.wait_end()
                self.lab.ends.clear()


class Reload(Case):
    def test_live_streams_go_on_under_the_policy_they_began_with(self):
        lab = Lab(self.world, MODEL_HOST)
        self.addCleanup(lab.close)
        stream = conversation.sse()
        half = len(stream) // 2
        ask = (f'POST {conversation.TARGET} HTTP/1.1\r\nHost: {MODEL_HOST}\r\nContent-Length: {len(conversation.ASK)}\r\n\r\n').encode() \
            + conversation.ASK
        head = f'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(stream)}\r\n\r\n'.encode()
        ask2 = PREFACE + frame(SETTINGS) + frame(HEADERS, 4, 1, request(MODEL_HOST, conversation.TARGET)) + frame(DATA, 1, 1, conversation.ASK)
        head2 = frame(SETTINGS) + frame(HEADERS, 4, 1, block((':status', '200'), ('content-type', 'text/event-stream')))
        first = lab.pair(H1, MODEL_HOST)
        second = lab.pair(H2, MODEL_HOST)
        for (client, server), asked, begun, rest in ((first, ask, head + stream[:half], stream[half:]),
                                                     (second, ask2, head2 + frame(DATA, 0, 1, stream[:half]), frame(DATA, 1, 1, stream[half:]))):
            client.send(asked)
            server.wait_received(len(asked))
            server.send(begun)
            client.wait_received(len(begun))
        self.policy(BLOCKING.replace('path: "/v1internal:*", action: allow', 'path: "/v1internal:*", action: block'))
        # A new connection is under the new policy.
        client, server = lab.pair(H1, MODEL_HOST)
        client.send(ask)
        poll(lambda: b'\r\n\r\n' in client.received or client.ending, 15, 'an answer')
        self.assertTrue(client.received.startswith(b'HTTP/1.1 403 '), bytes(client.received))
        self.assertEqual(b'', bytes(server.received))
        # The old ones end whole, and one of them goes on with a request that is now blocked elsewhere.
        for (client, server), begun, rest in ((first, head + stream[:half], stream[half:]),
                                              (second, head2 + frame(DATA, 0, 1, stream[:half]), frame(DATA, 1, 1, stream[half:]))):
            server.send(rest)
            client.wait_received(len(begun + rest))
            self.assertEqual(begun + rest, bytes(client.received))
            self.assertIsNone(client.ending)
        first[0].send(ask)
        first[1].wait_received(2 * len(ask))
        first[1].send(head + stream)
        first[0].wait_received(2 * len(head + stream))
        records = self.new_records(3)
        self.assertEqual([(2000, 'ok')] * 3, [(r['usage']['output_total'], r['outcome']) for r in records])

    def test_a_faulty_file_leaves_the_old_policy_in_force_and_status_says_so(self):
        self.policy(BLOCKING)
        before = self.world.status()['policy']['generation']
        found = self.world.reload_policy('http:\n  - match: x.example.test\n    rules: [{path: "x", action: sometimes}]\n')
        self.assertEqual(before, found['generation'])
        self.assertIn('policy.yaml', found['faults'][0])
        self.assertIn('policy_faulty', [p['code'] for p in self.world.status()['problems']])
        done = self.world.run('curl', '-sS', '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', '-d', '{}', WHOLE, proxied=True)
        self.assertEqual('403', done.text)
