"""HTTP clients nobody here wrote, each run twice: directly and through the redirect."""

import contextlib
import ctypes
import json
import re
import socket
import ssl

from case import CLIENTS, STREAM, WHOLE, Case, body, digest
from lab import DATA, HEADERS, PREFACE, RST_STREAM, SETTINGS, End, frame, request
from world import DIRECT, MODEL_HOST, OPENAI, PROXIED, UPSTREAM

CONTENT = 'Content-Type: application/json'
ABRUPT = ('cut-midstream', 'reset-midstream', 'fin-midchunk')
END_STREAM, END_HEADERS = 1, 4


@contextlib.contextmanager
def acting_as(uid):
    """Sockets made by this thread belong to that user, and go the way of that user."""
    libc = ctypes.CDLL(None)
    libc.setfsuid(uid)
    try:
        yield
    finally:
        libc.setfsuid(0)


class Clients(Case):
    """The same request with and without the proxy: same octets, same protocol, exact usage."""

    def twice(self, build, stdin=None, scenario='', timeout=60):
        """`build(headers)` gives the command. Returns what the direct and the proxied run printed."""
        fixed = f'{scenario}{";" if ";" not in scenario else ""}{";" if ";" in scenario else ""}id={self.fresh_id()}'
        out = {}
        for tag, proxied in (('direct', False), ('proxied', True)):
            headers = [f'X-Fake-Scenario: {fixed}', f'X-Fake-Tag: {tag}', CONTENT]
            done = self.world.run(*build(headers), proxied=proxied, stdin=body() if stdin is None else stdin,
                                  timeout=timeout)
            self.assertEqual(0, done.code, f'{tag}: {done}')
            out[tag] = done.out
            if not proxied:
                self.assertAllDirectCallsUncounted()
        return out['direct'], out['proxied']

    def same(self, build, expect='', **more):
        direct, proxied = self.twice(build, **more)
        self.assertEqual(direct, proxied)
        self.assertNotEqual(b'', direct)
        mirrored = self.agreed(MODEL_HOST)
        if mirrored:
            self.assertEqual(1, len(set(mirrored)), f'ALPN differs between the runs: {mirrored}')
        records = self.assertMetered()
        if expect:
            self.assertEqual({expect}, {r['protocol'] for r in records})
        return proxied

    # curl

    def curl(self, *more, url=STREAM):
        def build(headers):
            flat = [part for line in headers for part in ('-H', line)]
            return ['curl', '-sS', '--fail', *more, *flat, '--data-binary', '@-', '-w', '\n%{http_version} %{http_code}', url]
        return build

    def test_curl_http1(self):
        self.assertTrue(self.same(self.curl('--http1.1'), 'http/1.1').endswith(b'\n1.1 200'))

    def test_curl_http2(self):
        self.assertTrue(self.same(self.curl('--http2'), 'h2').endswith(b'\n2 200'))

    def test_curl_http2_whole_answer(self):
        self.assertTrue(self.same(self.curl('--http2', url=WHOLE), 'h2').endswith(b'\n2 200'))

    def test_curl_without_alpn(self):
        self.same(self.curl('--no-alpn', '--http1.1'), 'http/1.1')
        self.assertEqual({((), '')}, set(self.agreed(MODEL_HOST)))

    def test_curl_compressed_with_every_coding(self):
        for coding in ('gzip', 'deflate', 'br', 'zstd'):
            for version in ('--http1.1', '--http2'):
                with self.subTest(coding=coding, version=version):
                    self.setUp()
                    self.same(self.curl(version, '--compressed'), scenario=f'coded;coding={coding}')

    def test_curl_raw_octets_of_stacked_and_odd_codings(self):
        for scenario in ('coded;coding=gzip+br', 'coded;coding=raw-deflate', 'concatenated-gzip', 'tiny-chunks', 'trailers',
                         'early-hints', 'unterminated', 'content-length', 'until-close', 'total-mismatch', 'usage-shrinks'):
            for version in ('--http1.1', '--http2'):
                with self.subTest(scenario=scenario, version=version):
                    self.setUp()
                    self.same(self.curl(version, '-H', 'Accept-Encoding: gzip'), scenario=scenario)

    def test_an_unknown_coding_passes_and_its_usage_is_unknown(self):
        for version, protocol in (('--http1.1', 'http/1.1'), ('--http2', 'h2')):
            with self.subTest(version=version):
                self.setUp()
                direct, proxied = self.twice(self.curl(version), scenario='coded;coding=x-fake')
                self.assertEqual(direct, proxied)
                record, = self.new_records(1)
                self.assertIsNone(record['usage'])
                self.assertEqual('none', record['usage_state'])
                self.assertEqual(protocol, record['protocol'])

    def test_curl_large_upload_and_download(self):
        for version in ('--http1.1', '--http2'):
            with self.subTest(version=version):
                self.setUp()
                self.same(self.curl(version), stdin=body('x' * (8 << 20)), scenario='big-bulk;size=16M')

    def test_curl_ipv4_literal_without_a_name_is_tunnelled(self):
        done = self.world.run('curl', '-sSk', '-w', '%{http_code}', '-o', '/dev/null', '-v', 'https://203.0.113.10/', proxied=True)
        self.assertEqual(b'200', done.out, str(done))
        self.assertIn(b'Fake Upstream Root CA', done.err)

    def test_errors_are_the_upstreams_own(self):
        for scenario, status in (('error429', 429), ('error503-sse-type', 503), ('no-such-scenario', 400)):
            for version in ('--http1.1', '--http2'):
                with self.subTest(scenario=scenario, version=version):
                    self.setUp()
                    build = lambda headers: [a for a in self.curl(version)(headers) if a != '--fail']
                    direct, proxied = self.twice(build, scenario=scenario)
                    self.assertEqual(re.sub(rb'id=\w+', b'', direct), re.sub(rb'id=\w+', b'', proxied))
                    self.assertTrue(proxied.endswith(str(status).encode()))
                    record, = self.new_records(1)
                    self.assertEqual((status, 'error', None), (record['http_status'], record['outcome'], record['usage']))

    def test_abrupt_ends_stay_abrupt(self):
        for scenario in ABRUPT:
            for version in ('--http1.1', '--http2'):
                with self.subTest(scenario=scenario, version=version):
                    self.setUp()
                    codes = []
                    for tag, proxied in (('direct', False), ('proxied', True)):
                        headers = [f'X-Fake-Scenario: {scenario}', f'X-Fake-Tag: {tag}', CONTENT]
                        done = self.world.run(*self.curl(version)(headers), proxied=proxied, stdin=body())
                        codes.append(done.code)
                    self.assertNotEqual(0, codes[1], 'an aborted stream looked complete')
                    if scenario != 'reset-midstream':
                        # A lost connection is 55 or 56, as curl was writing (a window update) or reading then:
                        # what the connection really did is what the next case looks at.
                        lost = [56 if code == 55 else code for code in codes]
                        self.assertEqual(lost[0], lost[1])
                    # What arrived before a reset is not knowable; that there is one record is.
                    record, = self.new_records(1)
                    self.assertEqual('partial', record['outcome'])
                    self.assertNotEqual('final', record['usage_state'])

    def test_a_connection_ends_in_the_way_that_upstream_ended_it(self):
        seen = {}
        for scenario in ABRUPT:
            for alpn in ('http/1.1', 'h2'):
                with self.subTest(scenario=scenario, alpn=alpn):
                    self.setUp()
                    direct = self.ending(scenario, alpn, DIRECT)
                    self.assertAllDirectCallsUncounted()
                    self.assertEqual(direct, self.ending(scenario, alpn, PROXIED))
                    seen[scenario, alpn] = direct
                    record, = self.new_records(1)
                    self.assertEqual(('partial', 'upstream'), (record['outcome'], record.get('closed_by', 'upstream')))
        # The scenarios do differ, and none of them is a clean end of everything.
        self.assertEqual('reset', seen['reset-midstream', 'http/1.1'])
        self.assertEqual('fin', seen['fin-midchunk', 'http/1.1'])
        self.assertEqual('close_notify', seen['cut-midstream', 'http/1.1'])
        self.assertEqual('stream reset', seen['cut-midstream', 'h2'][:12])

    def ending(self, scenario, alpn, uid):
        """How upstream's end of a call reaches a client that looks at TCP and TLS itself: close_notify, fin, reset,
        or the code with which HTTP/2 reset the stream."""
        context = ssl.create_default_context(cafile=self.world.bundle)
        context.set_alpn_protocols([alpn])
        with acting_as(uid):
            sock = socket.create_connection((UPSTREAM, 443), 20)
        end = End(sock, context, False, MODEL_HOST)
        try:
            return self.ending_of(end, scenario, alpn)
        finally:
            end.close()

    def ending_of(self, end, scenario, alpn):
        self.assertEqual(alpn, end.tls.selected_alpn_protocol())
        path, data = STREAM.split(MODEL_HOST)[1], body()
        fields = {'content-type': 'application/json', 'x-fake-scenario': scenario, 'content-length': str(len(data))}
        if alpn == 'http/1.1':
            lines = [f'POST {path} HTTP/1.1', f'Host: {MODEL_HOST}', *(f'{name}: {value}' for name, value in fields.items())]
            end.send('\r\n'.join([*lines, '', '']).encode() + data)
            return end.wait_end()
        end.send(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, request(MODEL_HOST, path, 'POST', *fields.items())) +
                 frame(DATA, END_STREAM, 1, data))
        at = 0
        while True:
            end.wait_received(at + 9)
            if len(end.received) < at + 9:
                return end.wait_end()
            length, kind = int.from_bytes(end.received[at:at + 3], 'big'), end.received[at + 3]
            end.wait_received(at + 9 + length)
            if kind == RST_STREAM and len(end.received) >= at + 13:
                return f'stream reset {int.from_bytes(end.received[at + 9:at + 13], "big")}'
            at += 9 + length

    def test_goaway_in_mid_stream_lets_the_stream_end(self):
        self.same(self.curl('--http2'), 'h2', scenario='goaway')

    def test_openai_responses_over_http2(self):
        request = json.dumps({'model': 'gpt-5.3-codex', 'input': 'hello', 'stream': True}).encode()
        for version in ('--http1.1', '--http2'):
            for coding in ('', 'coded;coding=br'):
                with self.subTest(version=version, coding=coding):
                    self.setUp()
                    self.same(self.curl(version, '--compressed', url=f'https://{OPENAI}/v1/responses'), stdin=request, scenario=coding)

    # Go

    def go(self, *more):
        def build(headers):
            values = dict(line.split(': ', 1) for line in headers)
            return [self.world.doubles / 'fake-client', '--scenario', values['X-Fake-Scenario'], '--tag', values['X-Fake-Tag'],
                    *more]
        return build

    def same_go(self, protocol, *more, count=1):
        direct, proxied = self.twice(self.go('--count', str(count), *more))
        keep = ('status', 'body_sha256', 'body_length', 'content_encoding', 'framing', 'protocol', 'alpn', 'trailers', 'interim')
        pick = lambda out: [{key: call[key] for key in keep} for call in json.loads(out)['calls']]
        self.assertEqual(pick(direct), pick(proxied))
        self.assertEqual({protocol}, {r['protocol'] for r in self.assertMetered()})
        certificate = json.loads(proxied)['calls'][0]['certificate']
        self.assertNotEqual('Fake Upstream Root CA', certificate['issuer_cn'], 'the call was not intercepted')

    def test_go_net_http1(self):
        self.same_go('http/1.1', '--alpn', 'http/1.1')

    def test_go_net_http2(self):
        self.same_go('h2', '--alpn', 'h2,http/1.1')

    def test_go_without_alpn(self):
        self.same_go('http/1.1', '--alpn', 'none')

    def test_go_many_streams_on_one_h2_connection(self):
        ids = self.world.run(self.world.doubles / 'fake-client', '--alpn', 'h2,http/1.1', '--count', '60', '--parallel', '12',
                             '--tag', 'proxied', '--model', 'gemini-3-flash,gemini-3-pro-high', proxied=True)
        self.assertEqual(0, ids.code, str(ids))
        self.assertEqual(60, len(self.assertMetered()))

    # nghttp2's programs

    def test_nghttp(self):
        self.need('nghttp', 'nghttp2-client')
        def build(headers):
            flat = [part for line in headers for part in ('-H', line)]
            return ['sh', '-c', 'f=$(mktemp); cat > $f; nghttp -y -d $f "$@"; s=$?; rm $f; exit $s', 'sh', *flat, STREAM]
        self.same(build, 'h2')

    def test_nghttp_with_padding_and_priorities(self):
        self.need('nghttp', 'nghttp2-client')
        def build(headers):
            flat = [part for line in headers for part in ('-H', line)]
            return ['sh', '-c', 'f=$(mktemp); cat > $f; nghttp -y -b 200 -w 20 -W 20 -d $f "$@"; s=$?; rm $f; exit $s', 'sh',
                    *flat, STREAM]
        self.same(build, 'h2')

    def test_h2load(self):
        self.need('h2load', 'nghttp2-client')
        command = ['sh', '-c', 'f=$(mktemp); cat > $f; h2load -n 200 -c 4 -m 10 -d $f "$@"; rm $f', 'sh',
                   '-H', 'X-Fake-Tag: proxied', '-H', CONTENT, WHOLE]
        done = self.world.run(*command, proxied=True, stdin=body())
        self.assertIn('200 succeeded, 0 failed, 0 errored', done.text, str(done))
        self.assertEqual(200, len(self.assertMetered()))

    # Python

    def python(self, library, url=STREAM):
        return lambda headers: ['/usr/bin/python3', CLIENTS / 'python_client.py', library, 'POST', url, *headers]

    def test_python_requests(self):
        self.need(module='requests')
        self.same(self.python('requests'), 'http/1.1')

    def test_python_urllib(self):
        self.same(self.python('urllib'), 'http/1.1')

    def test_python_urllib3(self):
        self.need(module='urllib3')
        self.same(self.python('urllib3'), 'http/1.1')

    def test_python_httpx_http1(self):
        self.need(module='httpx')
        self.same(self.python('httpx'), 'http/1.1')

    def test_python_httpx_http2(self):
        self.need(module='httpx')
        self.need(module='h2')
        self.assertEqual('h2', json.loads(self.same(self.python('httpx2'), 'h2'))['protocol'])

    def test_python_aiohttp(self):
        self.need(module='aiohttp')
        self.same(self.python('aiohttp'), 'http/1.1')

    # Node

    def node(self, library, url=STREAM):
        return lambda headers: ['node', CLIENTS / 'node_client.mjs', library, 'POST', url, *headers]

    def test_node_fetch(self):
        self.need('node', 'nodejs')
        if not self.world.run('node', '-e', 'fetch', proxied=False).code == 0:
            self.skipTest('this Node has no fetch')
        self.same(self.node('fetch'), 'http/1.1')

    def test_node_https(self):
        self.need('node', 'nodejs')
        self.same(self.node('https'), 'http/1.1')

    def test_node_http2(self):
        self.need('node', 'nodejs')
        self.assertEqual('h2', json.loads(self.same(self.node('http2'), 'h2'))['protocol'])

    # wget

    def test_wget(self):
        self.need('wget')
        def build(headers):
            flat = [f'--header={line}' for line in headers]
            return ['sh', '-c', 'f=$(mktemp); cat > $f; wget -q -O - --no-hsts --ca-certificate=$SSL_CERT_FILE '
                    '--post-file=$f "$@"; s=$?; rm $f; exit $s', 'sh', *flat, STREAM]
        self.same(build, 'http/1.1')

    def test_many_small_downloads_on_one_connection_are_the_same_octets(self):
        url = f'https://{MODEL_HOST}/bytes?size=[1000-1040]'
        for version in ('--http1.1', '--http2'):
            outputs = [digest(self.world.run('curl', '-sS', version, url, proxied=p).out) for p in (False, True)]
            self.assertEqual(outputs[0], outputs[1])
