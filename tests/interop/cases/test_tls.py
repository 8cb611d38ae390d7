"""TLS as openssl and curl see it: versions, ALPN, resumption, fragments, names, bad certificates."""

import re
import socket

from case import Case
from lab import DEADLINE
from world import LAB, MODEL_HOST, OPENAI, TUNNELLED, UPSTREAM_CA, poll

SIZE = 3000
BODY = bytes((i * 7 + (i >> 8)) & 255 for i in range(SIZE))
REQUEST = 'GET /bytes?size=3000 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n'


class Handshakes(Case):
    def s_client(self, host, *more, proxied, request=None, code=0):
        done = self.world.run('openssl', 's_client', '-connect', f'{host}:443', '-CAfile', self.world.bundle, '-ign_eof',
                              *(() if '-noservername' in more else ('-servername', host)), '-verify_return_error', *more,
                              proxied=proxied, stdin=(request or REQUEST.format(host)).encode())
        if code is not None:
            self.assertEqual(code, done.code, str(done))
        return done

    def facts(self, done):
        text = done.out.decode('latin-1')
        find = lambda pattern: (re.findall(pattern, text) or [''])[-1]
        return {'protocol': find(r'(?:New|Reused), (TLSv[\d.]+)'), 'alpn': find(r'ALPN protocol: (.*)') or find(r'No ALPN negotiated'),
                'issuer': find(r'issuer=(.*)'), 'status': find(r'HTTP/1.1 (\d+)'), 'body': BODY in done.out}

    def same(self, host, *more, **rest):
        direct, proxied = (self.facts(self.s_client(host, *more, proxied=p, **rest)) for p in (False, True))
        self.assertIn(UPSTREAM_CA, direct['issuer'])
        self.assertNotIn(UPSTREAM_CA, proxied['issuer'], 'the connection was not intercepted')
        for one in (direct, proxied):
            del one['issuer']
        self.assertEqual(direct, proxied)
        return proxied

    def test_tls_1_2_and_1_3_of_the_client(self):
        self.assertEqual('TLSv1.2', self.same('h1.example.test', '-tls1_2')['protocol'])
        self.assertEqual('TLSv1.3', self.same('h1.example.test', '-tls1_3')['protocol'])

    def test_upstreams_of_one_version_are_reached_by_clients_of_the_other(self):
        # The legs are separate: each has the version that its two ends share.
        for host, flag in (('tls12.example.test', '-tls1_3'), ('tls13.example.test', '-tls1_2')):
            facts = self.facts(self.s_client(host, flag, '-alpn', 'http/1.1', proxied=True))
            self.assertEqual('200', facts['status'])

    def test_alpn_is_mirrored_for_every_kind_of_offer(self):
        for host in (MODEL_HOST, 'h1.example.test', 'none.example.test'):
            for offer in ('http/1.1', 'h2,http/1.1', 'http/1.1,h2', 'http/1.0,http/1.1', 'spdy/3,http/1.1', 'h2', ''):
                with self.subTest(host=host, offer=offer):
                    said = []
                    for proxied in (False, True):
                        # Ends with its input, right after the handshake.
                        done = self.world.run('openssl', 's_client', '-connect', f'{host}:443', '-servername', host, '-CAfile',
                                              self.world.bundle, *(('-alpn', offer) if offer else ()), proxied=proxied)
                        said.append((done.code, self.facts(done)['alpn'], 'no application protocol' in str(done)))
                    self.assertEqual(said[0], said[1])
                    if host == 'h1.example.test' and offer == 'h2':
                        self.assertTrue(said[0][2])
                    elif host == MODEL_HOST and 'h2' in offer:
                        self.assertEqual((0, 'h2', False), said[0])

    def test_an_offer_that_upstream_refuses_gets_the_alert(self):
        for proxied in (False, True):
            done = self.s_client('h1.example.test', '-alpn', 'h2', proxied=proxied, code=None)
            self.assertNotEqual(0, done.code)
            self.assertRegex(str(done), 'no application protocol')

    def test_the_clients_own_list_reaches_upstream_in_its_order(self):
        self.s_client('h1.example.test', '-alpn', 'a/1,http/1.1,b/2', proxied=True)
        self.assertEqual([(('a/1', 'http/1.1', 'b/2'), 'http/1.1')], self.agreed('h1.example.test'))

    def test_resumption_of_tls_1_2(self):
        counts = {}
        for proxied in (False, True):
            done = self.s_client('tls12.example.test', '-tls1_2', '-reconnect', proxied=proxied, code=None)
            counts[proxied] = done.text.count('Reused, TLSv1.2')
        self.assertEqual(5, counts[False])
        self.assertEqual(counts[False], counts[True])

    def test_resumption_of_tls_1_3(self):
        for proxied in (False, True):
            session = f'/tmp/agp-interop-session-{proxied}'
            self.addCleanup(self.world.run, 'rm', '-f', session, proxied=proxied)
            self.s_client('h1.example.test', '-tls1_3', '-sess_out', session, proxied=proxied)
            again = self.s_client('h1.example.test', '-tls1_3', '-sess_in', session, proxied=proxied)
            self.assertIn('Reused, TLSv1.3', again.out.decode('latin-1'), f'proxied {proxied}')
            self.assertEqual('200', self.facts(again)['status'])

    def test_a_new_upstream_connection_resumes_where_upstream_allows_it(self):
        # The daemon's own leg, as seen by the double; the client resumes nothing.
        for host, expected in (('h1.example.test', True), ('no-tickets.example.test', False)):
            for _ in range(3):
                self.s_client(host, '-alpn', 'http/1.1', proxied=True)
            found = [c['resumed'] for c in self.world.connections() if c['sni'] == host]
            self.assertEqual(3, len(found))
            self.assertEqual(expected, any(found), found)

    def test_early_data_is_never_taken(self):
        session = '/tmp/agp-interop-early'
        self.addCleanup(self.world.run, 'rm', '-f', session, proxied=True)
        first = self.s_client('h1.example.test', '-tls1_3', '-sess_out', session, proxied=True)
        self.assertNotIn('Max Early Data: 16384', first.out.decode('latin-1'))
        again = self.s_client('h1.example.test', '-tls1_3', '-sess_in', session, proxied=True)
        self.assertNotIn('Early data was accepted', again.out.decode('latin-1'))

    def test_small_records_and_a_hello_in_many_records(self):
        self.same('h1.example.test', '-max_send_frag', '512', '-split_send_frag', '512')
        padding = ','.join(f'{n:03d}{"p" * 190}' for n in range(75))  # a hello of some 15 kB
        self.assertEqual('http/1.1', self.same('h1.example.test', '-alpn', f'{padding},http/1.1', '-max_send_frag', '600')['alpn'])

    def test_a_hello_of_the_size_of_the_hybrid_key_share(self):
        # X25519MLKEM768 makes it some 1.7 kB, more than one segment of an ordinary path.
        padding = ','.join(f'{n}{"p" * 200}' for n in range(8))
        self.same('h1.example.test', '-alpn', f'{padding},http/1.1')

    def test_a_group_that_needs_a_hello_retry_keeps_the_alpn(self):
        facts = self.same('h1.example.test', '-tls1_3', '-groups', 'P-521:P-384:P-256', '-alpn', 'h2,http/1.1')
        self.assertEqual('http/1.1', facts['alpn'])

    def interception(self):
        poll(self.is_quiet, 10, 'every connection is over')
        return self.world.status()['interception']

    def test_without_a_name_the_connection_is_tunnelled(self):
        before = self.interception()
        for more in (('-noservername',), ('-servername', TUNNELLED)):
            done = self.s_client(TUNNELLED, *more, proxied=True)
            self.assertIn(UPSTREAM_CA, self.facts(done)['issuer'])
            self.assertEqual('200', self.facts(done)['status'])
        after = self.interception()
        self.assertEqual(before['unnamed_by_reason']['no_sni'] + 1, after['unnamed_by_reason']['no_sni'])
        self.assertEqual(before['tunnelled'] + 2, after['tunnelled'])
        self.assertEqual(before['intercepted'], after['intercepted'])


def vector(octets, width=2):
    return len(octets).to_bytes(width, 'big') + octets


def extension(number, octets):
    return number.to_bytes(2, 'big') + vector(octets)


def server_name(name):
    return extension(0, vector(b'\x00' + vector(name)))


def client_hello(*extensions):
    """A hello that no library makes, of TLS 1.2 and 1.3, in one record."""
    body = (b'\x03\x03' + bytes(range(32)) + vector(bytes(32), 1) + vector(bytes.fromhex('130113021303c02fc030')) + b'\x01\x00' +
            vector(b''.join((*extensions, extension(43, vector(b'\x03\x04\x03\x03', 1)), extension(10, vector(b'\x00\x1d'))))))
    return b'\x16\x03\x01' + vector(b'\x01' + vector(body, 3))


# Encrypted ClientHello, outer: HKDF-SHA256 with AES-128-GCM, an id, a key share, what is hidden. RFC 9849, section 5.
ECH = extension(0xFE0D, b'\x00' + bytes.fromhex('00010001') + b'\x2a' + vector(bytes(32)) + vector(b'hidden' * 30))
MODEL_NAME = server_name(MODEL_HOST.encode())


def receive(peer, length):
    """So many octets, or what came until the end. A socket with a deadline does not wait for all of them by itself."""
    octets = b''
    while len(octets) < length and (piece := peer.recv(length - len(octets))):
        octets += piece
    return octets


class Unnamed(Case):
    """Who names no host in clear is passed on unread to where they meant to go, and counted by the reason."""

    HELLOS = {'no_sni': client_hello(), 'ech': client_hello(MODEL_NAME, ECH), 'ip_literal': client_hello(server_name(LAB.encode())),
              'not_tls': b'GET / HTTP/1.0\r\n\r\n', 'malformed': client_hello(extension(0, b'\x00\x09\x00\x00\xffabc'))}

    def count(self, word):
        page = self.world.metrics()
        status = self.world.status()['interception']
        self.assertEqual(status['unnamed_by_reason'][word], page[f'antigravity_unnamed_connections_total{{reason="{word}"}}'])
        self.assertEqual(status['tunnelled'], page['antigravity_connections_total{disposition="passthrough",protocol="unknown"}'])
        return status['unnamed_by_reason'][word], status['tunnelled'], status['intercepted'], sum(status['unnamed_by_reason'].values())

    # threat-model 54
    def test_each_reason_is_tunnelled_octet_by_octet_and_counted(self):
        answer = bytes(range(256)) * 50
        with socket.create_server((LAB, 443)) as listener:
            listener.settimeout(DEADLINE)
            for word, hello in self.HELLOS.items():
                for step in (len(hello), 7):
                    with self.subTest(word=word, step=step):
                        before = self.count(word)
                        with socket.create_connection((LAB, 443), DEADLINE) as client:
                            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                            for at in range(0, len(hello), step):
                                client.sendall(hello[at:at + step])
                            server, _ = listener.accept()
                            with server:
                                server.settimeout(DEADLINE)
                                self.assertEqual(hello, receive(server, len(hello)))
                                server.sendall(answer)
                                self.assertEqual(answer, receive(client, len(answer)))
                                client.shutdown(socket.SHUT_WR)
                                self.assertEqual(b'', server.recv(1))
                        self.assertEqual([n + more for n, more in zip(before, (1, 1, 0, 1))], list(self.count(word)))

    def test_the_same_hello_without_the_extension_is_opened(self):
        before = self.world.status()['interception']
        with socket.create_connection((LAB, 443), DEADLINE) as client:
            client.sendall(client_hello(MODEL_NAME))
            poll(lambda: self.world.status()['interception']['accepted'] > before['accepted'], 10, 'it is accepted')
        poll(self.is_quiet, 10, 'it is over')
        self.assertEqual(before['unnamed_by_reason'], self.world.status()['interception']['unnamed_by_reason'])
        self.assertEqual(before['tunnelled'], self.world.status()['interception']['tunnelled'])


class BadUpstreams(Case):
    """Nothing is sent to an upstream that cannot be verified, and the reason is in the log."""

    REASONS = {'expired': 'expired', 'not-yet': 'not yet valid', 'self-signed': 'self.signed', 'wrong-name': 'hostname mismatch|host ?name',
               'untrusted': 'issuer certificate|unable to verify|signature|self.signed', 'rsa1024': 'too (weak|small)|key size',
               'sha1': 'too weak|digest', 'tls11': 'version|protocol', 'client-only': 'purpose'}

    # threat-model 52
    def test_every_bad_certificate_is_refused_for_its_own_reason(self):
        for name, reason in self.REASONS.items():
            host = f'{name}.example.test'
            with self.subTest(host=host):
                seen = len(self.world.daemon_log())
                done = self.world.run('curl', '-sS', '-m', '20', f'https://{host}/v1/secret', '-d', 'secret', proxied=True)
                self.assertNotEqual(0, done.code, str(done))
                self.assertNotEqual(28, done.code, 'the client was left to wait')
                log = poll(lambda: self.world.daemon_log()[seen:], 5, 'the daemon says something')
                self.assertRegex(log.lower(), reason)
                self.assertIn(host, log)
                truth = self.world.truth()
                self.assertEqual([], truth['calls'] + truth['other'], 'a request reached it')

    def test_the_main_host_works_on_after_them(self):
        self.test_every_bad_certificate_is_refused_for_its_own_reason()
        done = self.world.run(self.world.doubles / 'fake-client', '--tag', 'proxied', proxied=True)
        self.assertEqual(0, done.code, str(done))
        self.assertMetered()


class RefusingClients(Case):
    def test_a_client_that_refuses_our_leaf_is_counted_and_said(self):
        for _ in range(3):
            done = self.world.run('curl', '-sS', '--cacert', self.world.certs / 'upstream-ca.pem', f'https://{MODEL_HOST}/',
                                  proxied=True)
            self.assertEqual(60, done.code, str(done))
        self.assertGreaterEqual(self.world.status()['interception']['client_refused'], 3)
        self.assertIn(MODEL_HOST, self.world.daemon_log())
        self.assertEqual([], self.world.truth()['other'])

    def refusals(self, host):
        """One client after the other that does not trust us: how each of them ends."""
        trust = self.world.certs / 'upstream-ca.pem'
        yield from ((self.world.run('curl', '-sS', *more, '--cacert', trust, f'https://{host}/', proxied=True).code, 60)
                    for more in (('--http1.1',), ('--http2', '--tls-max', '1.2')))
        done = self.world.run('openssl', 's_client', '-connect', f'{host}:443', '-servername', host, '-CAfile', trust,
                              '-verify_return_error', proxied=True)
        yield done.code, 1

    def test_after_so_many_refusals_the_host_is_tunnelled_where_policy_says_so(self):
        # What was refused before the case counts as well, except after a new start.
        self.world.restart_daemon()
        self.policy(f'hosts: [{{match: {MODEL_HOST}, action: inspect, on_client_refusal: {{tunnel_after: 3}}}}]\n')
        status = lambda: self.world.status()['interception']
        for host in (OPENAI, MODEL_HOST):
            for number, (code, expected) in enumerate(self.refusals(host), 1 + 3 * (host == MODEL_HOST)):
                self.assertEqual(expected, code, f'{host} {number}')
                poll(lambda: status()['client_refused'] == number, 10, f'{number} refusals are counted')
        self.assertEqual(0, status()['tunnelled'])
        # From now on everybody at that host sees upstream itself, and what they ask is not measured.
        trust = self.world.certs / 'upstream-ca.pem'
        for number in (1, 2):
            done = self.world.run('curl', '-sSv', '--cacert', trust, '-H', 'X-Fake-Tag: tunnelled', '-H', 'Content-Type: application/json',
                                  '-d', '{"model":"gemini-3-flash"}', f'https://{MODEL_HOST}/v1internal:generateContent', proxied=True)
            self.assertEqual(0, done.code, str(done))
            self.assertIn(UPSTREAM_CA, done.err.decode())
            poll(lambda: status()['tunnelled'] == number, 10, 'it is counted')
        self.assertEqual(2, len(self.world.truth('tunnelled')['calls']))
        self.assertAllDirectCallsUncounted()
        [(reason, count)] = status()['tunnelled_by_reason'].items()
        self.assertEqual(2, count)
        self.assertRegex(reason, 'do not accept our certificate.*policy.yaml')
        page = self.world.metrics()
        self.assertEqual(2, page['antigravity_connections_total{disposition="passthrough",protocol="unknown"}'])
        self.assertEqual(6, page['antigravity_handshake_failures_total{leg="client",reason="certificate_refused"}'])
        # At another host, as often refused, nothing has changed.
        self.assertEqual(60, next(self.refusals(OPENAI))[0])
        self.assertEqual({MODEL_HOST: 3, OPENAI: 4}, {host['host']: host['count'] for host in status()['refused_by_client']})
        # Without the word in the policy the host is opened again, and counted.
        self.world.reload_policy('')
        self.assertEqual(60, next(self.refusals(MODEL_HOST))[0])
        done = self.world.run(self.world.doubles / 'fake-client', '--tag', 'proxied', proxied=True)
        self.assertEqual(0, done.code, str(done))
        self.assertMetered()
