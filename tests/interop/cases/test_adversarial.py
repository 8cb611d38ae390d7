"""Hostile HTTP/1.1 and HTTP/2 through the verbatim relay.

The relay forwards first and reads a copy, so the outcome is upstream's: it must get every octet, and its
answer must come back. The daemon must not grow, and the next honest call must be counted.
"""

import struct

from case import Case
from lab import (CONTINUATION, DATA, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Lab, block, frame, number,
                 request, text)
from world import MODEL_HOST, poll

# What the daemon may grow by while it is attacked, sanitizers included.
GROWTH_MIB = 96
H1, H2 = ('http/1.1',), ('h2',)
START = f'POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: {MODEL_HOST}\r\n'.encode()
SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
REFUSED = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbad\n'

HTTP1 = {
    'CL.TE': START + b'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG' + SMUGGLED,
    'TE.CL': START + b'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n' + SMUGGLED + b'\r\n0\r\n\r\n',
    'TE.TE': START + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'TE with a tab': START + b'Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'TE with a space before the colon': START + b'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'xchunked': START + b'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'chunked not last': START + b'Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'two lengths': START + b'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello' + SMUGGLED,
    'a list of lengths': START + b'Content-Length: 5, 6\r\n\r\nhello' + SMUGGLED,
    'negative length': START + b'Content-Length: -1\r\n\r\n' + SMUGGLED,
    'signed length': START + b'Content-Length: +5\r\n\r\nhello' + SMUGGLED,
    'hexadecimal length': START + b'Content-Length: 0x5\r\n\r\nhello' + SMUGGLED,
    'length beyond 64 bits': START + b'Content-Length: 99999999999999999999999\r\n\r\n' + SMUGGLED,
    'obs-fold': START + b'X-Folded: a\r\n b\r\nContent-Length:\r\n 5\r\n\r\nhello' + SMUGGLED,
    'bare LF': START.replace(b'\r\n', b'\n') + b'Content-Length: 5\n\nhello' + SMUGGLED,
    'bare CR': START + b'X: a\rContent-Length: 5\r\n\r\n' + SMUGGLED,
    'NUL in a value': START + b'X: a\x00b\r\nContent-Length: 0\r\n\r\n' + SMUGGLED,
    'no colon': START + b'nonsense\r\nContent-Length: 0\r\n\r\n' + SMUGGLED,
    'space in front of the first field': START.rstrip() + b'\r\n X: y\r\n\r\n' + SMUGGLED,
    'chunk size too large': START + b'Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx',
    'chunk size that wraps': START + b'Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n',
    'negative chunk size': START + b'Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n',
    'chunk size with 0x': START + b'Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n',
    'chunk without its CRLF': START + b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n',
    'chunk lines ended by LF': START + b'Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n' + SMUGGLED,
    'endless chunk extension': START + b'Transfer-Encoding: chunked\r\n\r\n1;' + b'a' * 300000 + b'\r\nx\r\n0\r\n\r\n',
    'trailer that changes the framing': START + b'Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\nhello',
    'one field of a megabyte': START + b'X: ' + b'a' * (1 << 20) + b'\r\n\r\n',
    'a hundred thousand fields': START + b''.join(b'X%d: y\r\n' % n for n in range(100000)) + b'\r\n',
    'a request line of a megabyte': b'GET /' + b'a' * (1 << 20) + b' HTTP/1.1\r\n\r\n',
    'a head that never ends': START + b'X: y\r\n' * 300000,
    'HTTP/0.9': b'GET /\r\n',
    'HTTP/1.0 with chunks': START.replace(b'/1.1', b'/1.0') + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'h2 preface on http/1.1': PREFACE + frame(SETTINGS),
    'fifty thousand pipelined requests': b'GET / HTTP/1.1\r\nHost: a\r\n\r\n' * 50000,
}

BEGIN = PREFACE + frame(SETTINGS)
ASK = request(MODEL_HOST, '/v1internal:streamGenerateContent?alt=sse')
BOMB = block(('x', 'y' * 4000), indexed=True) + b'\xbe' * 16000  # 62 is the newest entry: 64 MB of fields in 20 kB


def streams(count):
    return range(1, 2 * count, 2)


HTTP2 = {
    'rapid reset': lambda: b''.join(frame(HEADERS, 5, n, ASK) + frame(RST_STREAM, 0, n, struct.pack('>I', 8)) for n in streams(10000)),
    'streams that stay open': lambda: b''.join(frame(HEADERS, 4, n, ASK) for n in streams(20000)),
    'CONTINUATION flood': lambda: frame(HEADERS, 1, 1, ASK) + frame(CONTINUATION, 0, 1, b'\x00' + text('a' * 100) + text('b' * 16000)) * 1500,
    'empty CONTINUATIONs': lambda: frame(HEADERS, 1, 1, ASK) + frame(CONTINUATION, 0, 1) * 200000,
    'HPACK bomb': lambda: b''.join(frame(HEADERS, 1, n, BOMB[:16000]) + frame(CONTINUATION, 4, n, BOMB[16000:]) for n in streams(50)),
    'HPACK table size games': lambda: b''.join(frame(HEADERS, 5, n, number(0, 5, 0x20) + number(4096, 5, 0x20) + ASK) for n in streams(2000)),
    'HPACK integer without an end': lambda: frame(HEADERS, 5, 1, b'\x7f' + b'\xff' * 5000),
    'HPACK index out of the table': lambda: frame(HEADERS, 5, 1, b'\xff\xff\xff\xff\x07'),
    'window beyond its limit': lambda: frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', 0x7FFFFFFF)) * 100,
    'window increments of zero and one': lambda: frame(HEADERS, 4, 1, ASK) + frame(WINDOW_UPDATE, 0, 1, bytes(4)) + frame(WINDOW_UPDATE, 0, 1, b'\0\0\0\1') * 100000,
    'initial window up and down': lambda: b''.join(frame(SETTINGS, 0, 0, struct.pack('>HI', 4, n % 2 * 0x7FFFFFFF)) for n in range(20000)),
    'PING flood': lambda: frame(PING, 0, 0, bytes(8)) * 200000,
    'SETTINGS flood': lambda: frame(SETTINGS) * 200000,
    'SETTINGS with a thousand entries': lambda: frame(SETTINGS, 0, 0, struct.pack('>HI', 3, 1) * 1000) * 200,
    'empty DATA flood': lambda: frame(HEADERS, 4, 1, ASK) + frame(DATA, 0, 1) * 200000,
    'DATA that is all padding': lambda: frame(HEADERS, 4, 1, ASK) + frame(DATA, 8, 1, b'\xff' + bytes(255)) * 20000,
    'padding longer than the frame': lambda: frame(HEADERS, 4, 1, ASK) + frame(DATA, 8, 1, b'\xff') + frame(DATA, 1, 1, b'x'),
    'frame of the largest size': lambda: frame(HEADERS, 4, 1, ASK) + frame(DATA, 1, 1, bytes((1 << 24) - 1)),
    'DATA on stream 0 and on an idle stream': lambda: frame(DATA, 0, 0, b'x') + frame(DATA, 0, 999, b'x'),
    'stream numbers that go back': lambda: b''.join(frame(HEADERS, 5, n, ASK) for n in (9, 7, 5, 2, 1)),
    'even stream numbers of the client': lambda: frame(HEADERS, 5, 2, ASK),
    'an interleaved header block': lambda: frame(HEADERS, 0, 1, ASK[:10]) + frame(PING, 0, 0, bytes(8)) + frame(CONTINUATION, 4, 1, ASK[10:]),
    'a frame in the middle of nothing': lambda: b'\x00\x00\x08\x06\x00\x00',
    'no preface': lambda: b'',
}


class Adversarial(Case):
    def setUp(self):
        super().setUp()
        self.lab = Lab(self.world, MODEL_HOST)
        self.addCleanup(self.lab.close)
        self.idle = self.world.rss_mib()

    def attack(self, alpn, octets, answer):
        client, server = self.lab.pair(alpn, MODEL_HOST)
        client.send(octets, chunks=len(octets) < 100000)
        server.wait_received(len(octets))
        server.send(answer)
        server.finish()
        self.assertEqual('close_notify', client.wait_end())
        client.finish()
        server.wait_end()
        self.assertEqual(octets, bytes(server.received), 'upstream got something else')
        self.assertEqual(answer, bytes(client.received), 'the client got something else')
        self.lab.ends.clear()

    def assertUnharmed(self):
        self.assertLess(self.world.rss_mib(), self.idle + GROWTH_MIB, 'the daemon grew')
        before = {r['id'] for r in self.world.records()}
        for alpn in ('http/1.1', 'h2,http/1.1'):
            done = self.world.run(self.world.doubles / 'fake-client', '--alpn', alpn, '--tag', 'after', proxied=True)
            self.assertEqual(0, done.code, str(done))
        calls = self.world.truth('after')['calls'][-2:]
        found = poll(lambda: len(f := [r for r in self.world.records() if r['id'] not in before and r['response_id']]) >= 2 and f,
                     5, 'the calls after it are counted')
        self.assertEqual(sorted(c['usage']['total'] for c in calls), sorted(r['usage']['total'] for r in found[:2]))

    # threat-model 61
    def test_smuggling_in_requests(self):
        for what, octets in HTTP1.items():
            with self.subTest(what=what):
                self.attack(H1, octets, REFUSED)
        self.assertUnharmed()

    # threat-model 62
    def test_smuggling_in_answers(self):
        ask = START + b'Content-Length: 2\r\n\r\n{}'
        for what, octets in HTTP1.items():
            answer = octets.replace(START, b'HTTP/1.1 200 OK\r\n').replace(START.replace(b'\r\n', b'\n'), b'HTTP/1.1 200 OK\n')
            with self.subTest(what=what):
                self.attack(H1, ask, answer)
        self.assertUnharmed()

    def test_abuse_of_http2_by_the_client(self):
        for what, make in HTTP2.items():
            with self.subTest(what=what):
                self.attack(H2, (b'' if what == 'no preface' else BEGIN) + make() or b'\x00' * 9, frame(SETTINGS) + frame(7, 0, 0, bytes(8)))
        self.assertUnharmed()

    def test_abuse_of_http2_by_upstream(self):
        for what, make in HTTP2.items():
            with self.subTest(what=what):
                self.attack(H2, BEGIN + frame(HEADERS, 5, 1, ASK), frame(SETTINGS) + make())
        self.assertUnharmed()

    # threat-model 58
    # threat-model 67
    def test_many_hostile_connections_at_once(self):
        ends = [self.lab.pair(H2, MODEL_HOST) for _ in range(40)]
        octets = BEGIN + b''.join(frame(HEADERS, 4, n, ASK) for n in streams(300)) + HTTP2['HPACK bomb']()
        for client, _ in ends:
            client.send(octets, chunks=False)
        for _, server in ends:
            server.wait_received(len(octets))
        self.assertLess(self.world.rss_mib(), self.idle + 4 * GROWTH_MIB, 'the daemon grew')
        for client, server in ends:
            client.reset()
            self.assertNotEqual('close_notify', server.wait_end())
        self.assertUnharmed()
