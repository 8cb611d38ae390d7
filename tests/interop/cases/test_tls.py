"""TLS as openssl and curl see it: versions, ALPN, resumption, fragments, names, bad certificates."""

import re

from case import Case
from world import MODEL_HOST, TUNNELLED, UPSTREAM_CA, poll

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
                'issuer': find(r'issuer=(.*)'), 'status': find(r'HTTP/1.1 (\d+)'), 'length': len(text.rpartition('\r\n\r\n')[2])}

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
            for offer in ('http/1.1', 'h2,http/1.1', 'http/1.1,h2', 'http/1.0,http/1.1', 'spdy/3,http/1.1', ''):
                with self.subTest(host=host, offer=offer):
                    facts = self.same(host, *(('-alpn', offer) if offer else ()), request='\r\n' if 'h2' in offer else None, code=None)
                    self.world.reset()
                    expected = {'h1.example.test': 'http/1.1', 'none.example.test': '', MODEL_HOST: ''}[host]
                    if offer and expected:
                        self.assertEqual(expected, facts['alpn'])

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

    def test_without_a_name_the_connection_is_tunnelled(self):
        for more in (('-noservername',), ('-servername', TUNNELLED)):
            done = self.s_client(TUNNELLED, *more, proxied=True)
            self.assertIn(UPSTREAM_CA, self.facts(done)['issuer'])
            self.assertEqual('200', self.facts(done)['status'])

    def test_octets_that_are_no_http_pass_with_and_without_alpn(self):
        for host, more in (('raw.example.test', ()), (MODEL_HOST, ('-alpn', 'agp-echo/1'))):
            with self.subTest(host=host):
                sent = 'neither HTTP nor anything else \x01\x02\r\n' * 50
                outputs = []
                for proxied in (False, True):
                    done = self.world.run('sh', '-c', 'exec openssl s_client -quiet -connect "$0:443" -servername "$0" "$@" 2>/dev/null',
                                          host, *more, proxied=proxied, stdin=sent.encode())
                    outputs.append(done.out)
                # s_client leaves at the end of its input, so that only a beginning may have come back.
                self.assertTrue(all(sent.encode().startswith(out) for out in outputs))
                self.assertEqual([], self.new_records(0))


class BadUpstreams(Case):
    """Nothing is sent to an upstream that cannot be verified, and the reason is in the log."""

    REASONS = {'expired': 'expired', 'not-yet': 'not yet valid', 'self-signed': 'self.signed', 'wrong-name': 'hostname mismatch|host ?name',
               'untrusted': 'issuer certificate|unable to verify|signature|self.signed', 'rsa1024': 'too (weak|small)|key size',
               'sha1': 'too weak|digest', 'tls11': 'version|protocol', 'client-only': 'purpose'}

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
        status = str(self.world.status())
        self.assertIn('client_refused', status)
        self.assertIn(MODEL_HOST, self.world.daemon_log())
        self.assertEqual([], self.world.truth()['other'])
