"""TLS and HTTP/2 through the installed service: what is spoken, and what is refused and said."""

import re

from case import Case
from container import poll
from world import BAD_HOSTS, BUNDLE, MODEL_HOST, PROXY_YAML, SIGN_IN_HOST, UPSTREAM_CA


class Interception(Case):
    def records(self, count):
        def there():
            found = self.world.http('/v1/usage/records?limit=100')[1]['records']
            return found if len(found) >= count else None
        return poll(there, 15, f'{count} records')

    def test_h2_is_spoken_when_the_upstream_has_it_and_the_record_says_so(self):
        self.world.start()
        report = self.world.client('--alpn', 'h2,http/1.1', '--count', '6', '--parallel', '3')
        self.assertEqual({'h2'}, {call['alpn'] for call in report['calls']})
        self.world.client('--alpn', 'http/1.1', '--count', '2')
        self.world.client('--alpn', 'none', '--count', '1')
        self.assertCounted()
        spoken = sorted(record['protocol'] for record in self.records(9))
        self.assertEqual(['h2'] * 6 + ['http/1.1'] * 3, sorted(spoken))

    # threat-model 52
    def test_an_upstream_with_a_bad_certificate_gets_nothing_and_the_reason_is_said(self):
        hosts = ', '.join([MODEL_HOST, *BAD_HOSTS])
        self.world.configure(proxy=PROXY_YAML.format(mode='off') + f'capture:\n  inspect: [{hosts}]\n')
        self.world.start()
        for host in BAD_HOSTS:
            with self.subTest(host=host):
                report = self.world.client('--url', f'https://{host}', '--expect', 'any', check=False)
                self.assertNotEqual(200, report['calls'][0]['status'])
                poll(lambda: host in self.world.journal(), 10, f'the journal names {host}')
        truth = self.world.truth_calls()
        self.assertEqual([], truth['calls'] + truth['other'])
        self.assertSays(self.world.journal(), 'expired', 'self-signed', 'mismatch')
        # The next call to a good one works and is counted.
        self.world.client('--count', '1')
        self.assertEqual(1, self.world.wait_usage(1)['totals']['calls'])

    def test_a_client_that_refuses_our_certificate_shows_in_status(self):
        self.world.start()
        for _ in range(3):
            self.world.client('--reject-cert')
        status = poll(lambda: self.refused(), 10, 'status counts the refusals')
        self.assertGreaterEqual(status, 3)
        self.assertIn(MODEL_HOST, self.world.journal())

    def test_the_hybrid_key_share_of_a_real_client(self):
        version = self.box.run('openssl', 'version').out.split()[1]
        if tuple(int(part) for part in version.split('.')[:2]) < (3, 5):
            self.skipTest(f'OpenSSL {version} of this release has no X25519MLKEM768')
        self.world.start()
        body = '{"model": "gemini-3-flash", "request": {"contents": [{"role": "user", "parts": [{"text": "hybrid"}]}]}}'
        for name, groups in enumerate(('X25519MLKEM768', 'X25519MLKEM768:X25519'), 1):
            text = self.s_client(MODEL_HOST, groups, 'POST /v1internal:generateContent', body)
            self.assertRegex(text, r'(Negotiated TLS1\.3 group|(Server|Peer) Temp Key): X25519MLKEM768')
            self.assertNotRegex(text, f'issuer=.*{UPSTREAM_CA}')
            self.assertIn('HTTP/1.1 200', text)
            self.assertIn('"usageMetadata"', text)
            self.assertEqual(name, self.assertCounted()['totals']['ok'])
        # A hello of two segments to a host that is not opened: upstream answers as far as it knows the group.
        text = self.s_client(SIGN_IN_HOST, 'X25519MLKEM768:X25519', 'GET /hybrid', '')
        self.assertRegex(text, f'issuer=.*{UPSTREAM_CA}')
        self.assertIn('HTTP/1.1 200', text)
        self.assertEqual(2, self.world.usage_http()['totals']['calls'])

    def s_client(self, host, groups, what, body):
        request = (f'{what} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept-Encoding: identity\r\n'
                   f'Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}')
        done = self.box.run('openssl', 's_client', '-connect', f'{host}:443', '-servername', host, '-CAfile', BUNDLE,
                            '-verify_return_error', '-ign_eof', '-tls1_3', '-groups', groups, '-alpn', 'http/1.1', '-msg',
                            user='antigravity-ls', stdin=request)
        # More than one segment of an ordinary path.
        length = int(re.search(r'Handshake \[length ([0-9a-f]+)\], ClientHello', done.out).group(1), 16)
        self.assertGreater(length, 1300)
        return done.text

    def refused(self):
        document = self.world.http('/v1/status')[1]
        return (document.get('interception') or {}).get('client_refused')
