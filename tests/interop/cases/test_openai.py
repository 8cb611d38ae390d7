"""The OpenAI-compatible endpoints with OpenAI's own client library: client, daemon, language server, upstream."""

import json
from concurrent.futures import ThreadPoolExecutor

from case import CLIENTS, Case
from npm_package import OPENAI
from world import API, DAEMON, PROXIED, poll

MODEL = 'gemini-3-flash'
TEXT_EVENTS = ['response.output_text.delta']


class Turns(Case):
    """With an IDE whose language server is driven."""

    era = 'e1'

    @classmethod
    def setUpClass(cls):
        cls.ide = cls.world.start_ide(cls.era)
        cls.world.restart_daemon(language_server=cls.ide)

    @classmethod
    def tearDownClass(cls):
        cls.world.end('ide')
        cls.world.restart_daemon()

    def is_quiet(self):
        """The language server keeps its connections, so that only the ledger tells."""
        return self.world.status()['ledger']['waiting'] == 0

    def replace_ide(self):
        """After a death: the IDE has another language server by now, on another port."""
        self.world.end('ide')
        type(self).ide = self.world.start_ide(self.era)
        self.world.restart_daemon(language_server=self.ide)

    def assertUsage(self, usage, measured, names=('input_tokens', 'output_tokens', 'total_tokens')):
        """What the client was told is what upstream sent for this conversation."""
        records = [r for r in self.new_records(1) if r['cascade_id'] == measured['cascade_id']]
        self.assertEqual(len(records), measured['calls'], records)
        self.assertEqual(0, measured['usage_unknown'])
        sums = [sum(r['usage'][key] for r in records) for key in ('input_total', 'output_total', 'total')]
        self.assertEqual(sums, [usage[name] for name in names])
        truth = {call['response_id']: call['usage'] for call in self.world.truth()['calls']}
        for record in records:
            self.assertEqual(truth[record['response_id']]['total'], record['usage']['total'])

    def assertError(self, answer, status, code, param=None):
        self.assertIn('error', answer)
        self.assertEqual((status, code, param), tuple(answer['error'].get(key) for key in ('status', 'code', 'param')), answer)


class OpenAi(Turns):
    """The library for Node."""

    def setUp(self):
        self.library = OPENAI.folder_or_skip(self)
        super().setUp()

    def ask(self, scenario, input, uid=DAEMON, timeout=60, **more):
        done = self.world.run('node', CLIENTS / 'openai_client.mjs', self.library, f'{API}/v1', scenario,
                              json.dumps({'model': MODEL, 'input': input, **more}), uid=uid, timeout=timeout)
        self.assertEqual(0, done.code, str(done))
        return json.loads(done.text)

    def test_a_response(self):
        answer = self.ask('response', 'What is six times seven?', instructions='Be brief.')
        self.assertEqual('completed', answer.get('status'), answer)
        self.assertTrue(answer['text'])
        self.assertEqual('Be brief.', answer['instructions'])
        self.assertUsage(answer['usage'], answer['measured'])

    def test_a_stream_has_the_whole_sequence_of_events(self):
        answer = self.ask('stream', 'Tell me more.')
        numbers, types = zip(*answer['events'])
        self.assertEqual(list(range(len(types))), list(numbers))
        self.assertEqual(['response.created', 'response.in_progress', 'response.output_item.added',
                          'response.content_part.added'], list(types[:4]))
        self.assertEqual(['response.output_text.done', 'response.content_part.done', 'response.output_item.done',
                          'response.completed'], list(types[-4:]))
        self.assertEqual(set(TEXT_EVENTS), set(types[4:-4]))
        self.assertEqual(answer['last']['text'], answer['text'])
        self.assertUsage(answer['last']['usage'], answer['last']['measured'])
        self.assertEqual('completed', self.ask('helper', 'And more.').get('status'))

    def test_a_conversation_goes_on_after_a_restart_too(self):
        first, second = self.ask('turns', 'What is the first?')
        self.assertEqual(first['id'], second['previous'])
        self.assertEqual(first['measured']['cascade_id'], second['measured']['cascade_id'])
        self.world.restart_daemon(language_server=self.ide)
        third = self.ask('response', 'And the third?', previous_response_id=second['id'])
        self.assertEqual(first['measured']['cascade_id'], third['measured']['cascade_id'])
        records = [r for r in self.new_records(3) if r['cascade_id'] == first['measured']['cascade_id']]
        told = [turn['usage']['total_tokens'] for turn in (first, second, third)]
        self.assertEqual(sum(r['usage']['total'] for r in records), sum(told))

    def test_fifty_conversations_at_once_are_told_apart(self):
        answers = self.ask('together', 'What is the square of', count=50, timeout=300)
        self.assertEqual(50, len(answers), answers)
        self.assertEqual(50, len({answer['measured']['cascade_id'] for answer in answers}))
        records = self.new_records(50)
        for answer in answers:
            own = [r for r in records if r['cascade_id'] == answer['measured']['cascade_id']]
            self.assertEqual(sum(r['usage']['total'] for r in own), answer['usage']['total_tokens'], answer)

    def test_a_stop_of_the_daemon_lets_the_answer_end(self):
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(self.ask, 'stream', 'Take your time. [[fake:slow;pace=300ms]]')
            poll(lambda: asked.done() or self.world.in_flight(), 20, 'the model has begun to answer')
            self.world.restart_daemon(language_server=self.ide)
            answer = asked.result()
        self.assertEqual('completed', answer['last']['status'], answer)
        self.assertUsage(answer['last']['usage'], answer['last']['measured'])

    def test_chat_completions(self):
        messages = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'One?'},
                    {'role': 'assistant', 'content': '1'}, {'role': 'user', 'content': 'Two?'}]
        whole = self.ask('chat', messages)
        self.assertEqual('stop', whole.get('finish_reason'), whole)
        self.assertTrue(whole['message']['content'])
        names = ('prompt_tokens', 'completion_tokens', 'total_tokens')
        self.assertUsage(whole['usage'], whole['measured'], names)
        streamed = self.ask('chatStream', messages)
        self.assertEqual((['assistant'], ['stop']), (streamed['roles'], streamed['reasons']))
        self.assertTrue(streamed['text'])
        self.assertUsage(streamed['usage'], streamed['measured'], names)
        self.assertEqual('stop', self.ask('chatHelper', messages).get('finish_reason'))

    def test_a_limit_of_length_reaches_the_model_and_is_told(self):
        answer = self.ask('response', 'Hi', max_output_tokens=20)
        self.assertEqual('incomplete', answer.get('status'), answer)
        for name in ('max_tokens', 'max_completion_tokens'):
            answer = self.ask('chat', [{'role': 'user', 'content': 'Hi'}], **{name: 20})
            self.assertEqual('length', answer.get('finish_reason'), answer)
        limits = [call.get('max_output_tokens') for call in self.world.truth()['calls'] if call['request_type'] == 'agent']
        self.assertEqual([20, 20, 20], limits[-3:])
        self.assertEqual('completed', self.ask('response', 'Hi', max_output_tokens=1_000_000).get('status'))

    def test_what_cannot_be_done_is_refused_by_name(self):
        self.assertError(self.ask('response', 'Hi', tools=[{'type': 'web_search'}]), 400, 'unsupported_parameter', 'tools')
        self.assertError(self.ask('response', 'Hi', temperature=0.2), 400, 'unsupported_parameter', 'temperature')
        self.assertError(self.ask('chat', [{'role': 'user', 'content': 'Hi'}], max_tokens=0), 400, 'invalid_parameter',
                         'max_tokens')
        self.assertError(self.ask('response', 'Hi', model='no-such-model'), 404, 'model_not_found', 'model')
        self.assertError(self.ask('response', 'Hi', previous_response_id='resp_made_up'), 404, 'previous_response_not_found',
                         'previous_response_id')
        self.assertError(self.ask('response', 'Hi', uid=PROXIED), 403, 'not_your_session')

    def test_a_failure_of_the_model_is_told(self):
        answer = self.ask('response', 'Fail. [[fake:error429]]')
        self.assertEqual((502, 'model_failed'), (answer['error']['status'], answer['error']['code']), answer)
        self.assertTrue(self.new_records(1), 'what was refused is recorded')

    def test_a_client_that_leaves_stops_the_turn_and_what_it_spent_is_recorded(self):
        answer = self.ask('abort', 'Go on and on. [[fake:slow;pace=300ms]]')
        self.assertTrue(answer.get('delta'), answer)
        record = self.new_records(1)[0]
        self.assertEqual('partial', record['outcome'], record)
        poll(lambda: not self.world.in_flight(), 20, 'nothing goes on behind the back of a client that left')

    def test_a_language_server_that_dies_fails_the_turn_and_what_it_spent_is_recorded(self):
        self.addCleanup(self.replace_ide)
        answer = self.ask('stream', 'Die. [[ls:die;how=kill;after=1]] [[fake:slow;pace=300ms]]', timeout=120)
        if 'error' in answer:  # before anything was said
            self.assertIn(answer['error']['status'], (502, 503, 504), answer)
        else:
            self.assertEqual('failed', answer['last']['status'], answer)
        self.assertEqual('partial', self.new_records(1)[0]['outcome'])


class OpenAiPython(Turns):
    """Debian's package of the library for Python."""

    era = 'e2'

    def setUp(self):
        self.need(module='openai')
        super().setUp()

    def ask(self, scenario, input, **more):
        done = self.world.run('/usr/bin/python3', CLIENTS / 'openai_client.py', f'{API}/v1', scenario,
                              json.dumps({'model': MODEL, 'input': input, **more}), uid=DAEMON)
        self.assertEqual(0, done.code, str(done))
        return json.loads(done.text)

    def test_responses(self):
        whole = self.ask('response', 'What is six times seven?')
        self.assertEqual('completed', whole.get('status'), whole)
        self.assertUsage(whole['usage'], whole['measured'])
        streamed = self.ask('stream', 'Tell me more.')
        self.assertEqual(('response.created', 'response.completed'), (streamed['events'][0], streamed['events'][-1]))
        self.assertEqual(streamed['last']['text'], streamed['text'])
        self.assertUsage(streamed['last']['usage'], streamed['last']['measured'])
        first, second = self.ask('turns', 'What is the first?')
        self.assertEqual(first['id'], second['previous'])
        self.assertEqual(first['measured']['cascade_id'], second['measured']['cascade_id'])

    def test_chat_completions(self):
        messages = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'One?'}]
        names = ('prompt_tokens', 'completion_tokens', 'total_tokens')
        for scenario in ('chat', 'chat_stream'):
            answer = self.ask(scenario, messages)
            self.assertNotIn('error', answer)
            self.assertUsage(answer['usage'], answer['measured'], names)

    def test_errors(self):
        self.assertError(self.ask('response', 'Hi', temperature=0.2), 400, 'unsupported_parameter', 'temperature')
        self.assertError(self.ask('response', 'Hi', previous_response_id='resp_made_up'), 404, 'previous_response_not_found',
                         'previous_response_id')

    def test_a_client_that_leaves_stops_the_turn(self):
        self.assertTrue(self.ask('abort', 'Go on and on. [[fake:slow;pace=300ms]]').get('delta'))
        self.assertEqual('partial', self.new_records(1)[0]['outcome'])


class OpenAiEraE2(OpenAi):
    era = 'e2'


class OpenAiEraE3(OpenAi):
    era = 'e3'
