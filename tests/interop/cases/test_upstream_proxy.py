"""Upstream through another proxy, which a small one in this process plays: HTTP CONNECT and SOCKS5."""

import base64
import os
import socket
import struct
import threading

from case import STREAM, Case, body
from world import DAEMON, MODEL_HOST, TUNNELLED, UPSTREAM, UPSTREAM_CA


class FakeProxy:
    """Leads everything it is asked for to UPSTREAM:443, and notes what it was asked."""

    def __init__(self, kind, user='', password='', refuses=False):
        self.kind, self.user, self.password, self.refuses = kind, user, password, refuses
        self.asked, self.faults = [], []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # a mere close waits for the accept() under way
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            target = self._http(client) if self.kind == 'http' else self._socks(client)
            if target is None:
                client.close()
                return
            upstream = socket.create_connection((UPSTREAM, 443), 20)
            client.sendall(b'HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n' if self.kind == 'http' else
                           b'\5\0\0\1' + bytes(6))
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pipe, args=(source, sink), daemon=True).start()
        except OSError as error:
            self.faults.append(repr(error))

    def _pipe(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for sock in (source, sink):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _read(self, client, size):
        data = b''
        while len(data) < size:
            part = client.recv(size - len(data))
            if not part:
                raise OSError('the client left')
            data += part
        return data

    def _http(self, client):
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += self._read(client, 1)
        line, *fields = head.decode().split('\r\n')
        method, target, _ = line.split(' ')
        values = {name.lower(): value for name, value in (field.split(': ', 1) for field in fields if field)}
        self.asked.append((method, target, values.get('host')))
        wanted = 'Basic ' + base64.b64encode(f'{self.user}:{self.password}'.encode()).decode() if self.user else None
        if values.get('proxy-authorization') != wanted:
            client.sendall(b'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
            return None
        if self.refuses:
            client.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
            return None
        return target

    def _socks(self, client):
        version, count = self._read(client, 2)
        methods = self._read(client, count)
        if self.user:
            if 2 not in methods:
                client.sendall(b'\5\xff')
                return None
            client.sendall(b'\5\2')
            _, size = self._read(client, 2)
            user = self._read(client, size)
            password = self._read(client, self._read(client, 1)[0])
            good = (user, password) == (self.user.encode(), self.password.encode())
            client.sendall(b'\1\0' if good else b'\1\1')
            if not good:
                return None
        else:
            client.sendall(b'\5\0')
        version, command, _, kind = self._read(client, 4)
        host = self._read(client, self._read(client, 1)[0]).decode() if kind == 3 else \
            socket.inet_ntop(*((socket.AF_INET, self._read(client, 4)) if kind == 1 else (socket.AF_INET6, self._read(client, 16))))
        port, = struct.unpack('>H', self._read(client, 2))
        self.asked.append((f'{version}.{command}', f'{host}:{port}', None))
        if self.refuses:
            client.sendall(b'\5\2\0\1' + bytes(6))
            return None
        return f'{host}:{port}'


class UpstreamProxy(Case):
    def tearDown(self):
        super().tearDown()
        self.world.restart_daemon()

    def use(self, kind, user='', password='', says=None, target='', **more):
        proxy = FakeProxy(kind, user, password, **more)
        self.addCleanup(proxy.close)
        lines = f'  proxy: {"http" if kind == "http" else "socks5"}://127.0.0.1:{proxy.port}\n'
        if says or user:
            file = self.world.scratch / 'credentials'
            file.write_text(says or f'{user}:{password}\n')
            file.chmod(0o400)
            os.chown(file, DAEMON, DAEMON)
            lines += f'  proxy_credentials_file: {file}\n'
        if target:
            lines += f'  proxy_target: {target}\n'
        self.world.restart_daemon(upstream=lines)
        return proxy

    def curl(self, *more, url=STREAM, tag='proxied', fixed='', proxied=True):
        return self.world.run('curl', '-sS', '--fail', '-m', '20', '-H', f'X-Fake-Tag: {tag}', '-H', f'X-Fake-Scenario: ;id={fixed}', '-H',
                              'Content-Type: application/json', '--data-binary', '@-', *more, url, proxied=proxied, stdin=body())

    def test_everything_goes_through_it_by_name_and_is_counted(self):
        for kind, ask in (('http', 'CONNECT'), ('socks5', '5.1')):
            for user in ('', 'someone'):
                with self.subTest(kind=kind, user=user):
                    proxy = self.use(kind, user, 'a:b c' if user else '')
                    self.setUp()
                    fixed = self.fresh_id()
                    direct = self.curl(fixed=fixed, tag='direct', proxied=False)
                    for version, protocol in (('--http1.1', 'http/1.1'), ('--http2', 'h2')):
                        done = self.curl(version, fixed=fixed)
                        self.assertEqual((0, direct.out), (done.code, done.out), str(done))
                    self.assertEqual(['h2', 'http/1.1'], sorted(r['protocol'] for r in self.assertMetered()))
                    self.assertEqual([(ask, f'{MODEL_HOST}:443')] * 2, [asked[:2] for asked in proxy.asked])
                    self.assertEqual([], proxy.faults)

    def test_a_large_answer_and_many_streams(self):
        for kind in ('http', 'socks5'):
            with self.subTest(kind=kind):
                proxy = self.use(kind)
                self.setUp()
                done = self.world.run(self.world.doubles / 'fake-client', '--alpn', 'h2,http/1.1', '--count', '20', '--parallel', '5', '--tag',
                                      'proxied', proxied=True)
                self.assertEqual(0, done.code, str(done))
                self.assertEqual(20, len(self.assertMetered()))
                got = self.world.run('curl', '-sS', f'https://{MODEL_HOST}/bytes?size=20000000', proxied=True)
                self.assertEqual(20000000, len(got.out))
                self.assertGreater(len(proxy.asked), 1)

    def test_by_address_it_is_asked_for_what_the_client_had_resolved(self):
        proxy = self.use('http', target='address')
        self.assertEqual(0, self.curl().code)
        self.assertEqual([f'{UPSTREAM}:443'], [asked[1] for asked in proxy.asked])

    def test_what_is_tunnelled_goes_through_it_too(self):
        for kind in ('http', 'socks5'):
            proxy = self.use(kind)
            done = self.world.run('curl', '-sS', '-v', f'https://{TUNNELLED}/', proxied=True)
            self.assertEqual(0, done.code, str(done))
            self.assertIn(UPSTREAM_CA.encode(), done.err)
            self.assertEqual([f'{TUNNELLED}:443'], [asked[1] for asked in proxy.asked])

    def assertNothingPassed(self, what):
        log = len(self.world.daemon_log())
        done = self.curl()
        self.assertNotIn(done.code, (0, 28), str(done))
        self.assertEqual([], self.world.connections(), 'it went around the proxy')
        self.assertGreaterEqual(self.world.status()['interception']['proxy_failed'], 1)
        self.assertRegex(self.world.daemon_log()[log:].lower(), what)

    def test_wrong_credentials_end_there(self):
        for kind in ('http', 'socks5'):
            with self.subTest(kind=kind):
                self.use(kind, 'someone', 'right', says='someone:wrong-secret\n')
                self.assertNothingPassed('credential|authenticat')
                self.assertNotIn('wrong-secret', self.world.daemon_log())

    def test_a_refusal_of_the_proxy_ends_there(self):
        for kind in ('http', 'socks5'):
            with self.subTest(kind=kind):
                self.use(kind, refuses=True)
                self.assertNothingPassed('refus|forbid')

    def test_a_proxy_that_is_not_there_is_not_gone_around(self):
        self.use('http').close()
        self.assertNothingPassed('proxy')
