"""WebSocket clients nobody here wrote, speaking OpenAI Responses."""

from case import CLIENTS, Case
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
