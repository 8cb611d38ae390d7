"""A gRPC client and server of Debian's packages, with TLS and the redirect between them."""

from case import CLIENTS, Case
from world import GRPC, GRPC_HOST


class Grpc(Case):
    def setUp(self):
        self.need(module='grpc', package='python3-grpcio')
        super().setUp()
        pair = [self.world.scratch / f'grpc.{kind}' for kind in ('pem', 'key')]
        for path in pair:
            path.write_bytes((self.world.certs / f'{GRPC_HOST}{path.suffix}').read_bytes())
        self.world.spawn('grpc', '/usr/bin/python3', '-B', CLIENTS / 'grpc_server.py', f'{GRPC}:443', *pair)
        self.addCleanup(self.world.end, 'grpc')
        self.world.wait_port('grpc', GRPC, 443)

    def test_every_kind_of_call_gives_the_same_with_and_without_the_proxy(self):
        outputs = {}
        for proxied in (False, True):
            done = self.world.run('/usr/bin/python3', CLIENTS / 'grpc_client.py', f'{GRPC_HOST}:443', proxied=proxied, timeout=120)
            self.assertEqual(0, done.code, str(done))
            outputs[proxied] = done.text
        self.assertEqual(outputs[False], outputs[True])
        self.assertEqual(13, len(outputs[True].splitlines()), outputs[True])
        for words in ('trailers alone \'PERMISSION_DENIED\' \'not today, naïve one\'', "late failure 'DATA_LOSS'",
                      "big request b'1 67108864'", "unary b'hello' 'one' 'two' b'\\x00\\x01\\xff'", "empty b''"):
            self.assertIn(words, outputs[True])
        # gRPC to a host that is no model's costs nothing, and is not a fault either.
        self.assertEqual([], self.new_records(0))
