"""WebSocket clients nobody here wrote, speaking OpenAI Responses."""

import json
import zlib

from case import CLIENTS, Case
from lab import Http2, Lab
from world import OPENAI


class WebSocket(Case):
    def both(self, compression, *prompts):
        self.need(module='websockets')
        fixed, outputs = self.fresh_id(), {}
        for tag, proxied in (('direct', False), ('proxied', True)):
            done = self.world.run('/usr/bin/python3', CLIENTS / 'websocket_client.py', f'wss://{OPENAI}/v1/responses',
                                  compression, tag, fixed, *prompts, proxied=proxied)
            self.assertEqual(0, done.code, f'{tag}: {done}')
            outputs[tag] = done.out
        self.assertEqual(outputs['direct'], outputs['proxied'])
        return self.assertMetered()

    def test_one_record_for_each_response_of_a_connection(self):
        self.assertEqual(3, len(self.both('plain', 'one', 'two', 'three')))

    def test_permessage_deflate_with_context_takeover(self):
        self.assertEqual(4, len(self.both('deflate', 'one', 'two', 'two again, much the same', 'x' * 70000)))

    def test_curl_like_upgrade_that_is_refused_is_the_upstreams_answer(self):
        # The double answers an upgrade without a key with 400, as HTTP.
        done = self.world.run('curl', '-sS', '--http1.1', '-H', 'Upgrade: websocket', '-H', 'Connection: Upgrade', '-w',
                              '%{http_code}', f'https://{OPENAI}/v1/responses', proxied=True)
        self.assertTrue(done.out.endswith(b'400'), str(done))


USAGE = {'input_tokens': 100, 'input_tokens_details': {'cached_tokens': 40}, 'output_tokens': 50,
         'output_tokens_details': {'reasoning_tokens': 20}, 'total_tokens': 150}
CREATE = json.dumps({'type': 'response.create', 'model': 'gpt-5.3-codex', 'input': 'hello'}).encode()


def message(content, mask=None, rsv1=False):
    """A text message in one frame, RFC 6455."""
    size = bytes((len(content),)) if len(content) < 126 else b'\x7e' + len(content).to_bytes(2, 'big')
    size = bytes((size[0] | (0x80 if mask else 0), *size[1:]))
    body = bytes(octet ^ mask[at % 4] for at, octet in enumerate(content)) if mask else content
    return bytes((0x81 | (0x40 if rsv1 else 0),)) + size + (mask or b'') + body


def event(kind, number, **more):
    response = {'id': f'resp_{number}', 'object': 'response', 'model': 'gpt-5.3-codex', 'status': 'in_progress', 'usage': None, **more}
    return json.dumps({'type': kind, 'response': response}).encode()


class ExtendedConnect(Case):
    """WebSocket over HTTP/2, RFC 8441: both ends are python3-h2, the frames are by hand."""

    def setUp(self):
        self.need(module='h2')
        super().setUp()
        self.lab = Lab(self.world, OPENAI)
        self.addCleanup(self.lab.close)

    def opened(self, extensions=()):
        from h2.settings import SettingCodes
        ends = self.lab.pair(('h2',), OPENAI)
        client, server = Http2(ends[0], True), Http2(ends[1], False, {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
        changed = client.wait('RemoteSettingsChanged').changed_settings
        self.assertEqual(1, changed[SettingCodes.ENABLE_CONNECT_PROTOCOL].new_value)
        client.ask(1, OPENAI, '/v1/responses', (':protocol', 'websocket'), ('sec-websocket-version', '13'), *extensions,
                   method='CONNECT', end=False)
        asked = dict(server.wait('RequestReceived', 1).headers)
        self.assertEqual(('CONNECT', 'websocket', '/v1/responses'), (asked[':method'], asked[':protocol'], asked[':path']))
        server.h2.send_headers(1, [(':status', '200'), *extensions])
        server.flush()
        client.wait('ResponseReceived', 1)
        return client, server

    def pass_on(self, source, sink, octets, step):
        """Sends octets as DATA frames; they arrive unchanged."""
        for at in range(0, len(octets), step):
            source.h2.send_data(1, octets[at:at + step])
        source.flush()
        got = b''
        while len(got) < len(octets):
            got += sink.wait('DataReceived', 1).data
        self.assertEqual(octets, got)

    def test_one_record_for_each_response(self):
        client, server = self.opened()
        for number in range(3):
            self.pass_on(client, server, message(CREATE, b'abcd'), 7)
            self.pass_on(server, client, message(event('response.created', number)), 50)
            self.pass_on(server, client, b'\x89\x00' + message(event('response.completed', number, status='completed', usage=USAGE)), 33)
        records = self.new_records(3)
        self.assertEqual([('gpt-5.3-codex', 'ok', 'final', 100, 50, 40, 20)] * 3,
                         [(r['model'], r['outcome'], r['usage_state'], r['usage']['input_total'], r['usage']['output_total'],
                           r['usage']['cached_input'], r['usage']['reasoning']) for r in records])
        self.assertEqual({f'resp_{number}' for number in range(3)}, {r['response_id'] for r in records})
        self.assertEqual({OPENAI}, {r['host'] for r in records})

    def test_compressed_messages_and_a_reset_in_the_middle(self):
        client, server = self.opened((('sec-websocket-extensions', 'permessage-deflate'),))
        up, down = (zlib.compressobj(wbits=-15) for _ in range(2))
        squeeze = lambda with_, text: (with_.compress(text) + with_.flush(zlib.Z_SYNC_FLUSH))[:-4]
        self.pass_on(client, server, message(squeeze(up, CREATE), b'wxyz', True), 9)
        self.pass_on(server, client, message(squeeze(down, event('response.completed', 1, status='completed', usage=USAGE)), None, True), 11)
        self.pass_on(client, server, message(squeeze(up, CREATE), b'wxyz', True), 9)
        self.pass_on(server, client, message(squeeze(down, event('response.created', 2)), None, True), 11)
        server.h2.reset_stream(1)
        server.flush()
        client.wait('StreamReset', 1)
        self.assertEqual(['ok', 'partial'], [r['outcome'] for r in self.new_records(2)])
