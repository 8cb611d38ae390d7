"""Every endpoint, row by row, with a language server of each era: the editor's stand-in, the real service, the redirect."""

import json
from datetime import datetime, timedelta, timezone

from case import Case

MODEL = 'gemini-3-flash'


def events(text):
    """The events of an SSE body: (name, data), data parsed where it is JSON."""
    found = []
    for block in text.strip().split('\n\n'):
        fields = dict(line.split(': ', 1) for line in block.splitlines() if ': ' in line and not line.startswith(':'))
        if 'data' in fields:
            data = fields['data'] if fields['data'] == '[DONE]' else json.loads(fields['data'])
            found.append((fields.get('event', ''), data))
    return found


class Endpoints:
    """With a language server of `era`."""

    era = ''

    def setUp(self):
        super().setUp()
        # A window that is over has no figures, so it must not be over whenever this runs.
        reset = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
        self.world.language_server_knobs(era=self.era, quota_reset=reset.isoformat().replace('+00:00', 'Z'))
        self.world.configure(mode='managed')
        self.world.start_ide(era=self.era)
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def get(self, path, **how):
        status, answer = self.world.http(path, **how)
        self.assertEqual(200, status, answer)
        return answer

    def post(self, path, body, **how):
        status, answer = self.world.http(path, 'POST', body, **how)
        self.assertEqual(200, status, answer)
        return answer

    def text_of(self, response):
        return ''.join(part['text'] for item in response['output'] if item['type'] == 'message' for part in item['content'])

    def test_health_models_sessions_and_quota(self):
        self.assertEqual(200, self.world.http('/health')[0])
        models = self.get('/v1/models')
        self.assertEqual('list', models['object'])
        self.assertIn(MODEL, [model['id'] for model in models['data']])
        sessions = self.get('/v1/sessions')['sessions']
        used = [session for session in sessions if session['in_use']]
        self.assertEqual([(self.era, 'dev')], [(s['era'], s['user']) for s in used], sessions)
        quota = self.get('/v1/quota')
        self.assertIn('0.8', json.dumps(quota), 'what the double has left of each model')
        self.assertNotIn('csrf', json.dumps([sessions, quota]).lower())

    def test_a_response_and_its_usage(self):
        answer = self.post('/v1/responses', {'model': MODEL, 'input': 'Say hello.'})
        self.assertEqual(('response', 'completed'), (answer['object'], answer['status']))
        self.assertNotEqual('', self.text_of(answer))
        truth = self.assertCounted()
        self.assertEqual(truth['totals']['input_total'], answer['usage']['input_tokens'])
        self.assertEqual(truth['totals']['output_total'], answer['usage']['output_tokens'])
        records = self.get('/v1/usage/records')['records']
        self.assertEqual({answer['antigravity_proxy']['cascade_id']}, {r['cascade_id'] for r in records})

    def test_a_streamed_response(self):
        found = events(self.post('/v1/responses', {'model': MODEL, 'input': 'Say hello.', 'stream': True}))
        names = [name for name, _ in found]
        self.assertEqual(['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added'], names[:4])
        self.assertEqual(['response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed'],
                         names[-4:])
        self.assertEqual(list(range(len(found))), [data['sequence_number'] for _, data in found])
        text = ''.join(data['delta'] for name, data in found if name == 'response.output_text.delta')
        done = found[-1][1]['response']
        self.assertEqual(self.text_of(done), text)
        truth = self.assertCounted()
        self.assertEqual(truth['totals']['total'], done['usage']['total_tokens'])

    def test_a_conversation_of_several_turns(self):
        first = self.post('/v1/responses', {'model': MODEL, 'input': 'Say hello.'})
        second = self.post('/v1/responses', {'model': MODEL, 'input': 'And again.', 'previous_response_id': first['id']})
        self.assertEqual(first['antigravity_proxy']['cascade_id'], second['antigravity_proxy']['cascade_id'])
        self.assertEqual(first['id'], second['previous_response_id'])
        truth = self.assertCounted()
        self.assertEqual(truth['totals']['total'], first['usage']['total_tokens'] + second['usage']['total_tokens'])
        status, answer = self.world.http('/v1/responses', 'POST', {'model': MODEL, 'input': 'x', 'previous_response_id': 'resp_unknown'})
        self.assertEqual(404, status, answer)

    def test_chat_completions(self):
        messages = [{'role': 'system', 'content': 'Be short.'}, {'role': 'user', 'content': 'Hello?'},
                    {'role': 'assistant', 'content': 'Hello.'}, {'role': 'user', 'content': 'And again.'}]
        answer = self.post('/v1/chat/completions', {'model': MODEL, 'messages': messages})
        self.assertEqual(('chat.completion', 'stop'), (answer['object'], answer['choices'][0]['finish_reason']))
        self.assertEqual(self.assertCounted()['totals']['total'], answer['usage']['total_tokens'])
        found = events(self.post('/v1/chat/completions', {'model': MODEL, 'messages': messages, 'stream': True,
                                                          'stream_options': {'include_usage': True}}))
        self.assertEqual('[DONE]', found[-1][1])
        self.assertEqual([], found[-2][1]['choices'])
        text = ''.join(data['choices'][0]['delta'].get('content') or '' for _, data in found[:-2])
        self.assertNotEqual('', text)
        self.assertEqual(self.assertCounted()['totals']['total'],
                         answer['usage']['total_tokens'] + found[-2][1]['usage']['total_tokens'])

    def test_another_user_neither_drives_nor_sees(self):
        self.box.run('id other >/dev/null 2>&1 || useradd --create-home other')
        mine = self.post('/v1/responses', {'model': MODEL, 'input': 'Say hello.'}, user='dev')
        for path, body in (('/v1/responses', {'model': MODEL, 'input': 'Say hello.'}),
                           ('/v1/responses', {'model': MODEL, 'input': 'x', 'previous_response_id': mine['id']}),
                           ('/v1/chat/completions', {'model': MODEL, 'messages': [{'role': 'user', 'content': 'Hello?'}]})):
            status, answer = self.world.http(path, 'POST', body, user='other')
            self.assertEqual(403, status, answer)
            self.assertNotEqual('', answer['error']['message'])
        self.assertEqual([], self.get('/v1/sessions', user='other')['sessions'])
        self.assertEqual(0, self.get('/v1/usage', user='other')['totals']['calls'])
        self.assertNotIn('0.8', json.dumps(self.world.http('/v1/quota', user='other')[1]))
        self.assertCounted()


class EndpointsE1(Endpoints, Case):
    era = 'e1'


class EndpointsE2(Endpoints, Case):
    era = 'e2'


class EndpointsE3(Endpoints, Case):
    era = 'e3'
