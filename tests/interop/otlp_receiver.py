"""A receiver of OTLP, and how a daemon is told of it."""

import http.server
import ssl
import threading

PORT = 4318
PATH = '/v1/metrics'


def exported_to(origin=f'http://127.0.0.1:{PORT}', path=PATH):
    """Lines of proxy.yaml below `telemetry:`."""
    return f'  otlp:\n    endpoint: {origin}{path}\n    interval: 1s\n    queue_bytes: 1MiB'


class Receiver:
    """Keeps what it was sent, and answers as it is told to.

    @param certificate  chain and key, for TLS; show() changes it."""

    def __init__(self, address='127.0.0.1', certificate=()):
        self.status, self.taken, self.refused = 200, [], 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                octets = self.rfile.read(int(self.headers['Content-Length']))
                if outer.status == 200:
                    outer.taken.append((self.path, self.headers['Content-Type'], octets))
                else:
                    outer.refused += 1
                self.send_response(outer.status)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer((address, PORT), Handler)
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.show(certificate)
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show(self, certificate):
        self.tls.load_cert_chain(*certificate)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
