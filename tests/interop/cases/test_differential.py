"""Byte for byte: what one end sends is what the other receives, whatever it is and however it is cut."""

import json
import random
import struct

from case import Case
from lab import (CONTINUATION, DATA, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Lab, block,
                 frame, noise, request)
from world import LAB_HOST, MODEL_HOST, TUNNELLED

SEEDS = range(4)
H1, H2 = ('http/1.1',), ('h2',)
FINAL = {'promptTokenCount': 1000, 'candidatesTokenCount': 2000, 'totalTokenCount': 3000}


def sse(text_size=3000):
    """An answer of Code Assist with known usage: 1000 in, 2000 out."""
    part = lambda text, **more: b'data: ' + json.dumps({'response': {'candidates': [
        {'content': {'role': 'model', 'parts': [{'text': text}]}, **more}], 'modelVersion': 'gemini-3-flash',
        'responseId': 'lab', **({'usageMetadata': FINAL} if more else {})}}).encode() + b'\r\n\r\n'
    return part('x' * text_size) + part('naïve ' * 50) + part('', finishReason='STOP')


ASK = json.dumps({'model': 'gemini-3-flash', 'request': {'contents': []}}).encode()
TARGET = '/v1internal:streamGenerateContent?alt=sse'


def chunked(data, rand, trailers=b''):
    out, at = b'', 0
    while at < len(data):
        size = rand.randint(1, 900)
        part = data[at:at + size]
        out += f'{len(part):X}'.encode() + rand.choice((b'', b';name=value', b' ; a="b"')) + b'\r\n' + part + b'\r\n'
        at += size
    return out + b'0\r\n' + trailers + b'\r\n'


class Script:
    """A conversation: turns of ('c' or 's', octets). In lockstep each turn waits for the one before."""

    def __init__(self, turns, alpn, metered=0, name=MODEL_HOST):
        self.turns, self.alpn, self.metered, self.name = turns, alpn, metered, name


def h1_scripts(seed):
    rand = random.Random(seed)
    head = lambda more: (f'POST {TARGET} HTTP/1.1\r\nHost: {MODEL_HOST}\r\nContent-Type: application/json\r\n' + more + '\r\n').encode()
    ask = head(f'Content-Length: {len(ASK)}\r\n') + ASK
    answer = lambda more: ('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n' + more + '\r\n').encode()
    whole = answer(f'Content-Length: {len(sse())}\r\n') + sse()
    parts = answer('Transfer-Encoding: chunked\r\n') + chunked(sse(), rand)
    return {
        'content-length': Script([('c', ask), ('s', whole)], H1, 1),
        'chunked': Script([('c', head('Transfer-Encoding: chunked\r\n') + chunked(ASK, rand)), ('s', parts)], H1, 1),
        'trailers': Script([('c', ask), ('s', answer('Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n') +
                                         chunked(sse(), rand, b'X-Sum: 1\r\n'))], H1, 1),
        'until-close': Script([('c', ask), ('s', answer('Connection: close\r\n') + sse())], H1, 1),
        'pipelined': Script([('c', ask * 3), ('s', whole + parts + whole)], H1, 3),
        'kept-alive': Script([('c', ask), ('s', parts), ('c', ask), ('s', whole), ('c', ask), ('s', parts)], H1, 3),
        '100-continue': Script([('c', head(f'Expect: 100-continue\r\nContent-Length: {len(ASK)}\r\n')),
                                ('s', b'HTTP/1.1 100 Continue\r\n\r\n'), ('c', ASK), ('s', whole)], H1, 1),
        'early hints': Script([('c', ask), ('s', b'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n' * 3 + parts)], H1, 1),
        'no alpn': Script([('c', ask), ('s', parts)], (), 1),
        'upgrade': Script([('c', b'GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: something\r\n\r\n'),
                           ('s', b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: something\r\n\r\n'),
                           ('c', noise(70000, seed)), ('s', noise(90000, seed + 1)), ('c', noise(10, seed + 2))], H1),
        'websocket': Script([('c', b'GET /v1/responses HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
                              b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'),
                             ('s', b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
                              b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'),
                             ('c', b'\x81\x85abcd' + bytes(b ^ k for b, k in zip(b'hello', b'abcda'))),
                             ('s', b'\x01\x03one' + b'\x89\x00' + b'\x80\x03two' + b'\x82\x7e\x01\x00' + b'z' * 256),
                             ('c', b'\x88\x80abcd'), ('s', b'\x88\x00')], H1),
    }


def h2_scripts(seed):
    rand = random.Random(seed)
    json_type = ('content-type', 'application/json')
    ask = request(MODEL_HOST, TARGET, 'POST', json_type)
    client = PREFACE + frame(SETTINGS, 0, 0, struct.pack('>HI', 4, 1 << 20)) + frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', 1 << 24))
    server = frame(SETTINGS) + frame(SETTINGS, 1)
    ok = block((':status', '200'), ('content-type', 'text/event-stream'))
    def data(stream, body, end=True):
        out, at = b'', 0
        while at < len(body):
            part = body[at:at + rand.randint(1, 1000)]
            at += len(part)
            pad = rand.randint(0, 40)
            last = 1 if end and at == len(body) else 0
            if pad:
                out += frame(DATA, 8 | last, stream, bytes((pad,)) + part + bytes(pad))
            else:
                out += frame(DATA, last, stream, part)
            out += rand.choice((b'', b'', frame(0xFA, 0x55, stream, noise(20, seed)), frame(PING, 0, 0, b'12345678')))
        return out
    exchange = lambda stream: frame(HEADERS, 4, stream, ask) + data(stream, ASK)
    # A padded, prioritised header block over three frames.
    pieces = frame(HEADERS, 0x28, 1, b'\x05' + struct.pack('>IB', 0, 15) + ask[:9] + bytes(5)) + \
        frame(CONTINUATION, 0, 1, ask[9:20]) + frame(CONTINUATION, 4, 1, ask[20:])
    trailers = frame(HEADERS, 5, 1, block(('grpc-status', '0')))
    answered = server + frame(HEADERS, 4, 1, ok)
    many = range(1, 41, 2)
    return {
        'one call': Script([('c', client + exchange(1)), ('s', answered + data(1, sse()))], H2, 1),
        'pieces and trailers': Script([('c', client + pieces + data(1, ASK)), ('s', answered + data(1, sse(), end=False) + trailers)], H2, 1),
        'interleaved streams': Script([('c', client + b''.join(frame(HEADERS, 4, n, ask) for n in many) +
                                        b''.join(data(n, ASK) for n in many)),
                                       ('s', server + b''.join(frame(HEADERS, 4, n, ok) for n in reversed(many)) +
                                        b''.join(data(n, sse(100)) for n in many))], H2, len(many)),
        'unknown frames and priorities': Script([('c', client + frame(PRIORITY, 0, 3, struct.pack('>IB', 1, 7)) + frame(0x63, 0xFF, 0, b'?' * 500) +
                                                  exchange(1)),
                                                 ('s', answered + frame(0x0C, 0, 1, b'altsvc') + data(1, sse()) + frame(GOAWAY, 0, 0, bytes(8)))], H2, 1),
        'reset': Script([('c', client + exchange(1)), ('s', answered + data(1, sse()[:500], end=False) +
                                                       frame(RST_STREAM, 0, 1, struct.pack('>I', 2)))], H2, 1),
        'prior knowledge without alpn': Script([('c', client + exchange(1)), ('s', answered + data(1, sse()))], (), 1),
    }


def raw_scripts(seed):
    return {'octets, http/1.1': Script([('c', noise(60000, seed)), ('s', noise(80000, seed + 1)), ('c', noise(5, 2))], H1),
            'octets, h2': Script([('c', noise(60000, seed)), ('s', noise(80000, seed + 1))], H2),
            'octets, no alpn': Script([('s', b'220 a server that speaks first\r\n'), ('c', noise(3000, seed)), ('s', noise(3000, 1))], ()),
            'octets, unknown alpn': Script([('c', noise(60000, seed)), ('s', noise(80000, seed + 1))], ('agp-other/1',)),
            'garbage after a good start': Script([('c', b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), ('s', b'HTTP/9.9 \x00\xff\r\n' + noise(9000, seed)),
                                                  ('c', noise(9000, seed))], H1),
            'garbage in h2': Script([('c', PREFACE + frame(SETTINGS) + frame(HEADERS, 5, 1, b'\xff' * 50) + noise(5000, seed)),
                                     ('s', frame(SETTINGS) + noise(50000, seed))], H2),
            'megabytes both ways at once': Script([('c', noise(3 << 20, seed)), ('s', noise(3 << 20, seed))], ())}


class Differential(Case):
    def setUp(self):
        super().setUp()
        self.lab = Lab(self.world, MODEL_HOST)
        self.addCleanup(self.lab.close)

    def play(self, script, seed, lockstep):
        client, server = self.lab.pair(script.alpn, script.name, seed, hello_step=(0, 1, 3, 700)[seed % 4])
        self.assertEqual(client.tls.selected_alpn_protocol(), server.tls.selected_alpn_protocol())
        sent = {'c': bytearray(), 's': bytearray()}
        peers = {'c': (client, server), 's': (server, client)}
        for who, octets in script.turns:
            sender, receiver = peers[who]
            sender.send(octets)
            sent[who] += octets
            if lockstep:
                receiver.wait_received(len(sent[who]))
        server.finish()
        client.wait_end()
        client.finish()
        server.wait_end()
        self.assertEqual(bytes(sent['c']), bytes(server.received), 'what the client sent')
        self.assertEqual(bytes(sent['s']), bytes(client.received), 'what the server sent')
        self.assertEqual(('close_notify', 'close_notify'), (client.ending, server.ending))

    def play_all(self, scripts):
        # All at once is another order than HTTP has, and the octets must not care. What is counted then
        # may come late, so these go last.
        for lockstep in (True, False):
            for seed in SEEDS:
                self.before = {r['id'] for r in self.world.records()}
                for what, script in scripts(seed).items():
                    with self.subTest(what=what, seed=seed, lockstep=lockstep):
                        self.play(script, seed, lockstep)
                if lockstep:
                    self.assertCounted(scripts(seed), seed)

    def assertCounted(self, scripts, seed):
        """Asked once a seed: the ledger takes its time. Only what was reset ends otherwise than well."""
        with self.subTest(what='records', seed=seed):
            wanted = [(1000, 2000, 'ok')] * sum(script.metered for what, script in scripts.items() if what != 'reset')
            resets = sum(script.metered for what, script in scripts.items() if what == 'reset')
            records = self.new_records(len(wanted) + resets)
            found = [(r['usage']['input_total'], r['usage']['output_total'], r['outcome']) for r in records if r['outcome'] == 'ok']
            self.assertEqual(wanted, found)
            self.assertEqual(len(wanted) + resets, len(records), records)

    def test_http1(self):
        self.play_all(h1_scripts)

    def test_http2(self):
        self.play_all(h2_scripts)

    def test_anything_else(self):
        self.play_all(raw_scripts)

    def test_with_the_reader_off(self):
        self.lab.certificate = TUNNELLED

        def tunnelled(seed):
            found = {**h1_scripts(seed), **h2_scripts(seed), **raw_scripts(seed)}
            for script in found.values():
                script.name = TUNNELLED
            return found
        before = len(self.world.records())
        for name in ('chunked', 'websocket', 'interleaved streams', 'octets, h2', 'megabytes both ways at once'):
            for seed in SEEDS:
                self.play(tunnelled(seed)[name], seed, seed % 2 == 0)
        self.assertEqual(before, len(self.world.records()))

    def test_what_the_reader_gave_up_on_is_counted_and_the_next_call_is_read(self):
        count = lambda: sum(find(self.world.status(), 'unparsed'))
        before = count()
        for name in ('octets, http/1.1', 'octets, h2', 'garbage in h2'):
            self.play(raw_scripts(1)[name], 1, True)
        self.assertGreaterEqual(count(), before + 3)
        self.play(h1_scripts(1)['chunked'], 1, True)
        self.assertEqual(1, len(self.new_records(1)))


def find(document, word):
    """Every number whose key has the word in it."""
    if isinstance(document, dict):
        for key, value in document.items():
            if word in key and isinstance(value, int):
                yield value
            else:
                yield from find(value, word)
    elif isinstance(document, list):
        for item in document:
            yield from find(item, word)


class Endings(Case):
    """How one end leaves is how the other sees it leave: an abort never looks like an end."""

    def setUp(self):
        super().setUp()
        self.lab = Lab(self.world, LAB_HOST)
        self.addCleanup(self.lab.close)

    def begun(self, alpn):
        client, server = self.lab.pair(alpn)
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        server.wait_received(20)
        server.send(b'HTTP/1.1 200 OK\r\n\r\nbeginning')
        client.wait_received(20)
        return client, server

    def test_close_notify_of_either_side(self):
        for alpn in (H1, ()):
            client, server = self.begun(alpn)
            server.finish()
            self.assertEqual('close_notify', client.wait_end())
            client, server = self.begun(alpn)
            client.finish()
            self.assertEqual('close_notify', server.wait_end())

    def test_the_other_direction_goes_on_after_close_notify(self):
        client, server = self.begun(())
        client.close_notify()
        self.assertEqual('close_notify', server.wait_end())
        server.send(b'more' * 1000)
        client.wait_received(26 + 4000)
        self.assertTrue(client.received.endswith(b'more'))

    # threat-model 67
    def test_a_fin_without_close_notify_is_no_clean_end(self):
        for alpn in (H1, H2, ()):
            client, server = self.begun(alpn)
            server.fin()
            self.assertIn(client.wait_end(), ('fin', 'reset'))
            client, server = self.begun(alpn)
            client.fin()
            self.assertIn(server.wait_end(), ('fin', 'reset'))

    # threat-model 67
    def test_a_reset_is_no_clean_end(self):
        for alpn in (H1, H2, ()):
            client, server = self.begun(alpn)
            server.reset()
            self.assertIn(client.wait_end(), ('fin', 'reset'))
            client, server = self.begun(alpn)
            client.reset()
            self.assertIn(server.wait_end(), ('fin', 'reset'))
