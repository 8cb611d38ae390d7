"""Ways in beside the redirect: HTTP CONNECT, and cleartext endpoints that stand for one host."""

import json
import socket

from case import Case, body
from lab import Lab
from world import (CONNECT, LAB_HOST, LISTEN_CONNECT, MODEL_HOST, REVERSE, REVERSE_H1, REVERSE_LAB, TUNNELLED, UPSTREAM_CA)

TARGET = '/v1internal:streamGenerateContent?alt=sse'


class Entries(Case):
    def curl(self, tag, fixed, *more):
        done = self.world.run('curl', '-sS', '--fail', '-m', '30', '-H', f'X-Fake-Tag: {tag}', '-H', f'X-Fake-Scenario: ;id={fixed}',
                              '-H', 'Content-Type: application/json', '--data-binary', '@-', '-w', '\n%{http_version} %{http_code}',
                              *more, proxied=False, stdin=body())
        self.assertEqual(0, done.code, str(done))
        return done.out

    def test_connect_gives_what_a_direct_call_gives_and_counts_it(self):
        for port in (CONNECT, LISTEN_CONNECT):
            for version, protocol in (('--http1.1', 'http/1.1'), ('--http2', 'h2')):
                with self.subTest(port=port, version=version):
                    self.setUp()
                    fixed, url = self.fresh_id(), f'https://{MODEL_HOST}{TARGET}'
                    direct = self.curl('direct', fixed, version, url)
                    self.assertAllDirectCallsUncounted()
                    self.assertEqual(direct, self.curl('proxied', fixed, version, '-x', f'http://127.0.0.1:{port}', url))
                    self.assertEqual([protocol], [r['protocol'] for r in self.assertMetered()])

    def test_connect_to_a_host_that_is_not_inspected_is_a_plain_tunnel(self):
        done = self.world.run('curl', '-sS', '-v', '-x', f'http://127.0.0.1:{CONNECT}', f'https://{TUNNELLED}/', proxied=False)
        self.assertEqual(0, done.code, str(done))
        self.assertIn(UPSTREAM_CA.encode(), done.err)

    def test_connect_to_what_is_not_there_fails_at_once(self):
        for target in ('203.0.113.10:9', 'no-such-name.invalid:443', '192.168.77.1:443', '127.0.0.1:8741'):
            with self.subTest(target=target):
                done = self.world.run('curl', '-sSk', '-m', '20', '-x', f'http://127.0.0.1:{CONNECT}', f'https://{target}/', proxied=False)
                self.assertNotIn(done.code, (0, 28), str(done))

    def test_what_is_no_connect_is_answered_and_goes_nowhere(self):
        done = self.world.run('curl', '-sS', '-m', '20', '-w', '%{http_code}', '-x', f'http://127.0.0.1:{CONNECT}', f'http://{MODEL_HOST}/x',
                              proxied=False)
        self.assertRegex(done.text, '(400|405|501)$', str(done))
        self.assertEqual([], self.world.truth()['other'])

    def test_a_cleartext_endpoint_is_its_host(self):
        for version, plain, protocol in (('--http1.1', '--http1.1', 'http/1.1'), ('--http2', '--http2-prior-knowledge', 'h2')):
            with self.subTest(version=version):
                self.setUp()
                fixed = self.fresh_id()
                direct = self.curl('direct', fixed, version, f'https://{MODEL_HOST}{TARGET}')
                self.assertAllDirectCallsUncounted()
                self.assertEqual(direct, self.curl('proxied', fixed, plain, f'http://127.0.0.1:{REVERSE}{TARGET}'))
                record, = self.assertMetered()
                self.assertEqual((MODEL_HOST, protocol), (record['host'], record['protocol']))

    def test_many_calls_on_one_cleartext_connection(self):
        url = f'http://127.0.0.1:{REVERSE}{TARGET}'
        self.curl('proxied', self.fresh_id(), '--http1.1', *(['-o', '/dev/null', url] * 5))
        self.assertEqual(5, len(self.assertMetered()))
        self.assertEqual(1, len([c for c in self.world.connections() if c['sni'] == MODEL_HOST]))

    def test_many_streams_on_one_cleartext_connection(self):
        # Not curl: 7.88 fails at the second request of a connection with prior knowledge, whoever serves it.
        self.need('nghttp', 'nghttp2-client')
        done = self.world.run('sh', '-c', 'f=$(mktemp); cat > $f; nghttp -n -m 5 -d $f "$@"; s=$?; rm $f; exit $s', 'sh',
                              '-H', 'X-Fake-Tag: proxied', '-H', 'Content-Type: application/json',
                              f'http://127.0.0.1:{REVERSE}{TARGET}', proxied=False, stdin=body())
        self.assertEqual(0, done.code, str(done))
        self.assertEqual(5, len(self.assertMetered()))
        self.assertEqual(1, len([c for c in self.world.connections() if c['sni'] == MODEL_HOST]))

    def test_upstream_is_asked_by_its_own_name(self):
        lab = Lab(self.world, LAB_HOST)
        self.addCleanup(lab.close)
        client = socket.create_connection(('127.0.0.1', REVERSE_LAB), 20)
        self.addCleanup(client.close)
        client.settimeout(20)
        sent = f'POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{REVERSE_LAB}\r\nX-Mine: 1\r\nContent-Length: 2\r\n\r\n{{}}'.encode()
        server = lab.serve(('http/1.1',), lambda: client.sendall(sent))
        server.wait_end_of_head()
        head = bytes(server.received).decode().lower().split('\r\n')
        self.assertEqual('post /a?b=c http/1.1', head[0])
        self.assertEqual([f'host: {LAB_HOST}'], [line for line in head if line.startswith('host:')])
        self.assertIn('x-mine: 1', head)
        server.wait_received(len(server.received) if server.received.endswith(b'{}') else len(server.received) + 2)
        answer = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
        server.send(answer)
        got = b''
        while not got.endswith(b'hello'):
            part = client.recv(4096)
            self.assertNotEqual(b'', part, got)
            got += part
        self.assertTrue(got.startswith(b'HTTP/1.1 200 OK\r\n'), got)

    def test_http2_to_an_upstream_without_it_is_refused_and_not_left_to_wait(self):
        done = self.world.run('curl', '-sS', '-m', '20', '--http2-prior-knowledge', f'http://127.0.0.1:{REVERSE_H1}/x', proxied=False)
        self.assertNotIn(done.code, (0, 28), str(done))
        self.assertEqual([], self.world.truth()['other'])

    def test_status_names_the_ways_in(self):
        sockets = self.world.status()['sockets']
        for port, kind in ((CONNECT, 'connect'), (LISTEN_CONNECT, 'connect'), (REVERSE, 'reverse')):
            self.assertIn(f'127.0.0.1:{port}', json.dumps(sockets[kind]))
