"""SIGTERM: what is under way ends whole, what is idle ends at once, and then the process."""

import signal
import socket
import threading

import test_differential as conversation
from case import Case
from lab import DATA, HEADERS, PREFACE, SETTINGS, Lab, block, frame, request
from world import CONNECT, CONTROL, LAB_HOST, MODEL_HOST, get, poll

H1, H2 = ('http/1.1',), ('h2',)
STREAM = conversation.sse()
HALF = len(STREAM) // 2
ASK = f'POST {conversation.TARGET} HTTP/1.1\r\nHost: {MODEL_HOST}\r\nContent-Length: {len(conversation.ASK)}\r\n\r\n'.encode() + conversation.ASK
HEAD = f'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(STREAM)}\r\n\r\n'.encode()
ASK2 = PREFACE + frame(SETTINGS) + frame(HEADERS, 4, 1, request(MODEL_HOST, conversation.TARGET)) + frame(DATA, 1, 1, conversation.ASK)
HEAD2 = frame(SETTINGS) + frame(HEADERS, 4, 1, block((':status', '200'), ('content-type', 'text/event-stream')))


class Drain(Case):
    def setUp(self):
        super().setUp()
        self.lab = Lab(self.world, MODEL_HOST)
        self.addCleanup(self.lab.close)
        self.daemon = self.world.children['daemon']

    def exchange(self, alpn, whole):
        """A connection in the middle of an answer, or after one; and what is missing of it."""
        client, server = self.lab.pair(alpn, MODEL_HOST)
        asked, begun, rest = (ASK, HEAD + STREAM[:HALF], STREAM[HALF:]) if alpn == H1 else \
            (ASK2, HEAD2 + frame(DATA, 0, 1, STREAM[:HALF]), frame(DATA, 1, 1, STREAM[HALF:]))
        client.send(asked)
        server.wait_received(len(asked))
        server.send(begun + (rest if whole else b''))
        client.wait_received(len(begun) + (len(rest) if whole else 0))
        return client, server, begun, rest

    def terminate(self):
        seen = len(self.world.daemon_log())
        self.daemon.send_signal(signal.SIGTERM)
        poll(lambda: 'live streams may end' in self.world.daemon_log()[seen:], 10, 'the daemon says that it stops')

    def restarted(self):
        """The daemon has ended well; another one has its records."""
        self.assertEqual(0, self.daemon.wait(20), self.world.daemon_log()[-2000:])
        del self.world.children['daemon']
        self.world.start_daemon()

    def test_live_streams_end_whole_idle_ones_at_once_and_then_the_process(self):
        live = [self.exchange(alpn, whole=False) for alpn in (H1, H2)]
        idle = [self.exchange(alpn, whole=True) for alpn in (H1, H2)]
        self.new_records(2)
        self.terminate()
        for client, server, _, _ in idle:
            self.assertEqual(('close_notify', 'close_notify'), (client.wait_end(), server.wait_end()))
        self.assertIsNone(self.daemon.poll())
        for client, server, begun, rest in live:
            self.assertEqual((None, None), (client.ending, server.ending))
            server.send(rest)
            client.wait_received(len(begun + rest))
            self.assertEqual('close_notify', client.wait_end())
            self.assertEqual(begun + rest, bytes(client.received))
        self.restarted()
        self.assertEqual([(2000, 'ok')] * 4, [(r['usage']['output_total'], r['outcome']) for r in self.new_records(4)])

    def test_a_real_clients_stream_is_whole_though_the_daemon_stops(self):
        done = {}

        def call(version):
            done[version] = self.world.run('curl', '-sS', '--fail', '-m', '60', version, '-H', 'X-Fake-Scenario: slow;pace=300ms', '-H',
                                           'X-Fake-Tag: proxied', '-H', 'Content-Type: application/json', '-d', '{"model":"gemini-3-flash"}',
                                           f'https://{MODEL_HOST}{conversation.TARGET}', proxied=True)

        threads = [threading.Thread(target=call, args=(version,)) for version in ('--http1.1', '--http2')]
        for thread in threads:
            thread.start()
        poll(lambda: get(f'{CONTROL}/truth?wait=0s')['in_flight'] == 2, 10, 'both are under way')
        self.terminate()
        self.assertTrue(all(thread.is_alive() for thread in threads), 'the calls ended before the signal')
        for thread in threads:
            thread.join(60)
        self.assertEqual({'--http1.1': 0, '--http2': 0}, {version: out.code for version, out in done.items()}, str(done))
        self.restarted()
        self.assertMetered()

    def test_who_calls_meanwhile_is_served_and_then_it_ends(self):
        client, server, begun, rest = self.exchange(H1, whole=False)
        self.terminate()
        for version in ('--http1.1', '--http2'):
            done = self.world.run('curl', '-sS', '--fail', '-m', '20', version, '-H', 'X-Fake-Tag: proxied', '-H', 'Content-Type: application/json', '-d',
                                  '{"model":"gemini-3-flash"}', f'https://{MODEL_HOST}{conversation.TARGET}', proxied=True)
            self.assertEqual(0, done.code, str(done))
        self.assertIsNone(self.daemon.poll(), 'a stream is alive')
        server.send(rest)
        client.wait_received(len(begun + rest))
        self.assertEqual('close_notify', client.wait_end())
        self.restarted()
        self.assertEqual(['ok'] * 3, [r['outcome'] for r in self.new_records(3)])

    def test_a_connection_whose_first_request_is_still_to_come_waits_for_it(self):
        # A client that has just connected expects no end, and does not try again.
        begin = PREFACE + frame(SETTINGS)
        (client1, server1), (client2, server2), (silent, _) = self.lab.pair(H1, MODEL_HOST), self.lab.pair(H2, MODEL_HOST), self.lab.pair(H1, MODEL_HOST)
        client2.send(begin)
        server2.wait_received(len(begin))
        self.terminate()
        client1.send(ASK)
        client2.send(ASK2[len(begin):])
        for client, server, ask, answer in ((client1, server1, ASK, HEAD + STREAM), (client2, server2, ASK2, HEAD2 + frame(DATA, 1, 1, STREAM))):
            server.wait_received(len(ask))
            server.send(answer)
            client.wait_received(len(answer))
            self.assertEqual(answer, bytes(client.received))
            self.assertEqual('close_notify', client.wait_end())
        self.assertEqual('close_notify', silent.wait_end(), 'nobody waits for it for ever')
        self.restarted()
        self.assertEqual(['ok'] * 2, [r['outcome'] for r in self.new_records(2)])

    def young(self):
        """An old stream has ended whole; one that came meanwhile is half way, and nobody else is let in."""
        client, server, begun, rest = self.exchange(H1, whole=False)
        self.terminate()
        young = self.exchange(H2, whole=False)
        server.send(rest)
        client.wait_received(len(begun + rest))
        self.assertEqual('close_notify', client.wait_end())
        poll(lambda: self.is_closed(), 10, 'new connections are for the next process')
        return young

    def is_closed(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', CONNECT)) != 0

    def test_a_young_stream_ends_whole_too(self):
        client, server, begun, rest = self.young()
        self.assertIsNone(self.daemon.poll())
        server.send(rest)
        client.wait_received(len(begun + rest))
        self.assertEqual(begun + rest, bytes(client.received))
        self.restarted()
        self.assertEqual(['ok'] * 2, [r['outcome'] for r in self.new_records(2)])

    def test_a_second_signal_ends_a_young_stream_at_once(self):
        client, _, _, _ = self.young()
        self.daemon.send_signal(signal.SIGTERM)
        self.assertIn(client.wait_end(), ('fin', 'reset'))
        self.restarted()
        self.assertEqual(['ok', 'partial'], sorted(r['outcome'] for r in self.new_records(2)))

    def test_what_outlives_the_drain_timeout_is_cut_and_looks_cut(self):
        self.world.restart_daemon(more='limits: {drain_timeout: 1s}')
        self.daemon = self.world.children['daemon']
        live = [self.exchange(alpn, whole=False) for alpn in (H1, H2)]
        self.terminate()
        for client, server, _, _ in live:
            self.assertIn(client.wait_end(), ('fin', 'reset'))
            self.assertIn(server.wait_end(), ('fin', 'reset'))
        self.restarted()
        self.assertEqual(['partial'] * 2, [r['outcome'] for r in self.new_records(2)])

    def test_a_second_signal_ends_it_at_once(self):
        client, server, _, _ = self.exchange(H1, whole=False)
        self.terminate()
        self.assertIsNone(client.ending)
        self.daemon.send_signal(signal.SIGTERM)
        self.assertIn(client.wait_end(), ('fin', 'reset'))
        self.restarted()
        self.assertEqual(['partial'], [r['outcome'] for r in self.new_records(1)])

    def test_what_nobody_reads_may_end_too(self):
        # Octets that are no HTTP are never known to be idle: they have until the drain timeout, or until a side leaves.
        self.lab.certificate = LAB_HOST
        client, server = self.lab.pair((), LAB_HOST)
        client.send(b'\x00\x01 nothing that is known')
        server.wait_received(10)
        self.terminate()
        server.send(b'more')
        client.wait_received(4)
        server.finish()
        self.assertEqual('close_notify', client.wait_end())
        client.finish()
        server.wait_end()
        self.restarted()
