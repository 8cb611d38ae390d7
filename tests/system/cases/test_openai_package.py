"""OpenAI's library for Python as Debian packages it, against the service with a language server of each era."""

import json
from pathlib import Path

from case import Case

CLIENT = Path(__file__).resolve().parents[2] / 'interop/clients/openai_client.py'
BASE, MODEL = 'http://localhost:8741/v1', 'gemini-3-flash'
RESPONSE, CHAT = ('input_tokens', 'output_tokens', 'total_tokens'), ('prompt_tokens', 'completion_tokens', 'total_tokens')


class OpenAiPackage(Case):

    def begin(self, era):
        if self.box.run('grep', '-q', 'VERSION_CODENAME=bookworm', '/etc/os-release', check=False).code == 0:
            self.skipTest('Debian 12 has no python3-openai')
        self.box.copy_in(CLIENT, '/opt/openai_client.py', mode=0o755)
        self.world.configure(mode='managed')
        self.world.language_server_knobs(era=era)
        self.world.start_ide(era=era)
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def ask(self, scenario, input, **more):
        arguments = json.dumps({'model': MODEL, 'input': input, **more})
        return json.loads(self.box.run('/usr/bin/python3', '/opt/openai_client.py', BASE, scenario, arguments, user='dev').out)

    def assertMeasured(self, answer, names):
        """What the client was told is what the ledger has for this conversation."""
        self.assertNotIn('error', answer)
        totals = self.world.http(f'/v1/usage?cascade={answer["measured"]["cascade_id"]}', user='dev')[1]['totals']
        self.assertEqual(0, totals['usage_unknown'])
        self.assertEqual([totals[key] for key in ('input_total', 'output_total', 'total')], [answer['usage'][name] for name in names])

    def every_scenario(self, era):
        self.begin(era)
        whole = self.ask('response', 'What is six times seven?', instructions='Be brief.')
        self.assertEqual('completed', whole.get('status'), whole)
        self.assertMeasured(whole, RESPONSE)
        streamed = self.ask('stream', 'Tell me more.')
        self.assertEqual(('response.created', 'response.completed'), (streamed['events'][0], streamed['events'][-1]))
        self.assertEqual(streamed['last']['text'], streamed['text'])
        self.assertMeasured(streamed['last'], RESPONSE)
        first, second = self.ask('turns', 'What is the first?')
        self.assertEqual(first['id'], second['previous'])
        self.assertEqual(first['measured']['cascade_id'], second['measured']['cascade_id'])
        messages = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'One?'}]
        for scenario in ('chat', 'chat_stream'):
            self.assertMeasured(self.ask(scenario, messages), CHAT)
        refused = self.ask('response', 'Hi', temperature=0.2)['error']
        self.assertEqual((400, 'unsupported_parameter', 'temperature'), (refused['status'], refused['code'], refused['param']))
        self.assertCounted()

    def test_in_era_e1(self):
        self.every_scenario('e1')

    def test_in_era_e2(self):
        self.every_scenario('e2')

    def test_in_era_e3(self):
        self.every_scenario('e3')
