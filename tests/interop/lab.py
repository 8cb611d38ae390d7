"""Both ends of a relayed connection, in this process: every octet and every way to end is in our hand.

The client connects to LAB, which is redirected to the daemon; the server listens there. Both speak TLS
over memory buffers, so that the split of plaintext into records, the split of records into TCP writes,
close_notify, FIN and RST are each chosen by the test.
"""

import ctypes
import os
import random
import socket
import ssl
import struct
import threading

from world import LAB, LAB_HOST

DEADLINE = 15


class End:
    """One end: plaintext goes in and out, `ending` says how the other side ended."""

    def __init__(self, sock, context, server_side, name=None, seed=0, hello_step=0):
        self.sock, self.random, self.hello_step = sock, random.Random(seed), hello_step
        sock.settimeout(DEADLINE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side, server_hostname=name)
        self.received = bytearray()
        self.ending = None  # close_notify | fin | reset
        self.lock, self.grown = threading.Lock(), threading.Condition()
        self._handshake()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _flush(self, step=0):
        with self.lock:
            data = self.outgoing.read()
        while data:
            cut = step or (len(data) if self.random.random() < 0.5 else self.random.randint(1, len(data)))
            self.sock.sendall(data[:cut])
            data = data[cut:]

    def _handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                self._flush(self.hello_step)
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError('the other side left during the handshake') from None
                self.incoming.write(data)
            except ssl.SSLError:
                self._flush()
                raise

    def _read(self):
        ending = None
        try:
            data = b''  # what came with the last flight of the handshake is there already
            while ending is None:
                with self.lock:
                    self.incoming.write(data)
                    got = []
                    try:
                        while True:
                            part = self.tls.read(262144)
                            if part == b'':
                                ending = 'close_notify'
                                break
                            got.append(part)
                    except ssl.SSLWantReadError:
                        pass
                    except ssl.SSLZeroReturnError:
                        ending = 'close_notify'
                if got:
                    with self.grown:
                        self.received += b''.join(got)
                        self.grown.notify_all()
                if ending is None:
                    try:
                        data = self.sock.recv(262144)
                    except TimeoutError:
                        ending = 'silence'
                    else:
                        ending = None if data else 'fin'
        except (ConnectionError, OSError):
            ending = 'reset'
        except ssl.SSLError as error:
            ending = f'alert {error.reason}'
        with self.grown:
            self.ending = ending
            self.grown.notify_all()

    def send(self, data, chunks=True):
        """All of it, as TLS records and TCP writes of random size; no pauses."""
        at = 0
        while at < len(data):
            size = self.random.choice((1, 7, 100, 1400, 16384, 65536)) if chunks else 65536
            size = self.random.randint(1, size) if chunks else size
            # One-octet records cost a thousandfold: a few of them are enough.
            if len(data) > 200000 and size < 1000:
                size = 20000
            with self.lock:
                self.tls.write(data[at:at + size])
            at += size
            if not chunks or self.random.random() < 0.7:
                self._flush()
        self._flush()

    def wait_received(self, count):
        with self.grown:
            if not self.grown.wait_for(lambda: len(self.received) >= count or self.ending, DEADLINE):
                raise AssertionError(f'{len(self.received)} of {count} octets after {DEADLINE} s')

    def wait_end_of_head(self):
        with self.grown:
            if not self.grown.wait_for(lambda: b'\r\n\r\n' in self.received or self.ending, DEADLINE):
                raise AssertionError(f'no whole head after {DEADLINE} s: {bytes(self.received)[:500]}')

    def wait_end(self):
        with self.grown:
            if not self.grown.wait_for(lambda: self.ending, DEADLINE):
                raise AssertionError('the other side did not end')
        return self.ending

    def close_notify(self):
        with self.lock:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass  # it wants the other side's answer, which the reader takes
        self._flush()

    def finish(self):
        """close_notify, then FIN: the polite end."""
        self.close_notify()
        self.fin()

    def fin(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST at once. A mere close would wait for the reader, which holds the socket."""
        unspecified = struct.pack('H14x', socket.AF_UNSPEC)
        if ctypes.CDLL(None, use_errno=True).connect(self.sock.fileno(), unspecified, len(unspecified)) != 0:
            raise OSError(ctypes.get_errno(), 'cannot reset the connection')

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Lab:
    """A listener on LAB:443 that hands out pairs of ends."""

    def __init__(self, world, certificate=LAB_HOST):
        self.world = world
        self.listener = socket.create_server((LAB, 443), backlog=128)
        self.listener.settimeout(20)
        self.certificate = certificate
        self.ends = []

    def close(self):
        for end in self.ends:
            end.close()
        self.listener.close()

    def serve(self, alpn, connect, seed=0):
        """The server end of the connection that `connect` brings about."""
        served = {}

        def accept():
            try:
                sock, _ = self.listener.accept()
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.world.certs / f'{self.certificate}.pem', self.world.certs / f'{self.certificate}.key')
                if alpn:
                    context.set_alpn_protocols(list(alpn))
                served['end'] = End(sock, context, True, seed=seed + 1)
            except Exception as error:  # shown by the caller, whose thread is the test's
                served['error'] = error
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        connect()
        thread.join(20)
        if 'end' not in served:
            raise AssertionError(f'no connection upstream: {served.get("error")}')
        self.ends.append(served['end'])
        return served['end']

    def pair(self, alpn=(), name=LAB_HOST, seed=0, hello_step=0):
        """A client and the server it reached through the daemon."""
        context = ssl.create_default_context(cafile=self.world.bundle)
        if alpn:
            context.set_alpn_protocols(list(alpn))

        def connect():
            self.ends.append(End(socket.create_connection((LAB, 443), 20), context, False, name, seed, hello_step))
        server = self.serve(alpn, connect, seed)
        return self.ends[-2], server


def noise(size, seed):
    return random.Random(seed).randbytes(size) if size < 1 << 20 else os.urandom(size)


# HTTP/2 by hand

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)


def frame(kind, flags=0, stream=0, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes((kind, flags)) + struct.pack('>I', stream) + payload


def number(value, prefix, first=0):
    """An HPACK integer, RFC 7541 section 5.1."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes((first | value,))
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes((*out, value))


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return number(len(value), 7) + value


def block(*fields, indexed=False):
    """A header block of literals with new names; `indexed` adds them to the dynamic table."""
    return b''.join((b'\x40' if indexed else b'\x00') + text(name) + text(value) for name, value in fields)


def request(host, path, method='POST', *more):
    return block((':method', method), (':scheme', 'https'), (':authority', host), (':path', path), *more)


class Http2:
    """An end of HTTP/2 by the library of the package python3-h2, over an End."""

    def __init__(self, end, client_side, settings=None):
        from h2.config import H2Configuration
        from h2.connection import H2Connection
        from h2.settings import Settings
        self.end, self.taken, self.events = end, 0, []
        self.h2 = H2Connection(H2Configuration(client_side=client_side, header_encoding='utf-8'))
        if settings:
            self.h2.local_settings = Settings(client=client_side, initial_values=settings)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.end.send(data, chunks=False)

    def ask(self, stream, host, path, *more, method='POST', data=None, end=True):
        self.h2.send_headers(stream, [(':method', method), (':scheme', 'https'), (':authority', host), (':path', path), *more],
                             end_stream=end and data is None)
        if data is not None:
            self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def _next(self, kinds, stream):
        while True:
            for event in self.events:
                if type(event).__name__ in kinds and (stream is None or getattr(event, 'stream_id', None) == stream):
                    self.events.remove(event)
                    return event
            self.end.wait_received(self.taken + 1)
            data = bytes(self.end.received[self.taken:])
            if not data:
                raise AssertionError(f'no {kinds}: the other side ended ({self.end.ending}); there were {self.events}')
            self.taken += len(data)
            for event in self.h2.receive_data(data):
                self.events.append(event)
                if type(event).__name__ == 'DataReceived':
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.flush()

    def wait(self, kind, stream=None):
        """The next event of that name, which then counts as seen."""
        return self._next((kind,), stream)

    def body(self, stream):
        """Everything until the stream ends."""
        data = b''
        while True:
            event = self._next(('DataReceived', 'StreamEnded', 'StreamReset'), stream)
            if type(event).__name__ == 'StreamEnded':
                return data
            if type(event).__name__ == 'StreamReset':
                raise AssertionError(f'stream {stream} was reset after {len(data)} octets')
            data += event.data
