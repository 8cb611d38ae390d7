"""Which conversation a call belongs to: what the network says at once, and what the language server says later.

A file holds the language server's turns just before their end. Their calls are over and recorded by
then, while nobody has named a response yet: both states can be looked at for as long as it takes.
"""

import json

from case import Case
from container import poll
from world import LS_BINARY

FOLDER = LS_BINARY.rpartition('/')[0]
KNOBS, HOLD = f'{FOLDER}/fake-ls.json', f'{FOLDER}/hold'
# A call of such a language server names no conversation in any way.
WITHOUT_KEYS = {'request_id_form': 'none', 'labels': False, 'conversation_id': False, 'brain_path': False}


class Correlation(Case):
    def begin(self, knobs):
        self.addCleanup(self.box.run, 'rm', '-f', KNOBS, HOLD)
        self.box.write(KNOBS, json.dumps({'hold_file': HOLD, **knobs}))
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def hold(self):
        self.box.run('touch', HOLD)

    def let_go(self):
        self.box.run('rm', HOLD)

    def ask(self, text):
        """A turn that goes on; finish() waits for its answer."""
        body = json.dumps({'model': 'gemini-3-flash', 'input': text})
        return self.box.start('curl', '-sS', '-m', '100', '-H', 'Content-Type: application/json', '--data-binary', body,
                              'http://127.0.0.1:8741/v1/responses')

    def finish(self, turn):
        """The conversation that the answer names."""
        out, err = turn.communicate(timeout=120)
        try:
            answer = json.loads(out)
        except ValueError:
            self.fail(f'{out}\n{err}\n{self.world.journal()[-3000:]}')
        self.assertEqual('completed', answer.get('status'), answer)
        return answer['antigravity_proxy']['cascade_id']

    def records(self, count, is_wanted=lambda record: True):
        """The records of model calls, oldest first, once there are so many of that kind."""
        def there():
            found = self.world.http('/v1/usage/records?limit=1000')[1]['records']
            return found if sum(map(is_wanted, found)) >= count else None
        found = poll(there, 30, f'{count} such records')
        self.assertEqual(count, len(found), found)
        return sorted(found, key=lambda record: record['id'])

    def confirmed(self, count):
        return self.records(count, lambda record: record['cascade_confirmed'])

    def assertTie(self, record, source, evidence, is_confirmed, cascade_id):
        self.assertEqual((source, evidence, is_confirmed, cascade_id),
                         (record['cascade_source'], record['cascade_evidence'], record['cascade_confirmed'], record['cascade_id']))

    def assertResponsesAreThoseOfUpstream(self, records):
        """What was confirmed by its response id is a response that upstream gave, and not twice the same."""
        sent = sorted(call['response_id'] for call in self.world.truth_calls()['calls'])
        self.assertEqual(sent, sorted(record['response_id'] for record in records))
        self.assertEqual(len(sent), len(set(sent)))

    def tied_by(self, evidence, knobs):
        self.begin(knobs)
        self.hold()
        turn = self.ask('Say hello.')
        before, = self.records(1)
        self.assertIsNotNone(before['cascade_id'])
        self.assertTie(before, 'exact', evidence, False, before['cascade_id'])
        self.let_go()
        cascade_id = self.finish(turn)
        after, = self.confirmed(1)
        self.assertTie(after, 'exact', evidence, True, cascade_id)
        self.assertEqual(cascade_id, before['cascade_id'])
        self.assertResponsesAreThoseOfUpstream([after])
        # A confirmation changes how sure the tie is and nothing that was measured.
        changed = {key for key in before if before[key] != after[key]}
        self.assertLessEqual(changed, {'cascade_confirmed', 'trajectory_id', 'step_index'})
        # The sums by conversation know it under the same name.
        groups = self.world.http('/v1/usage?group_by=cascade')[1]['groups']
        self.assertEqual([(cascade_id, 1)], [(group['key']['cascade'], group['calls']) for group in groups])

    def test_a_request_id_ties_exactly_and_the_response_id_confirms_it_later(self):
        self.tied_by('request_id', {})

    def test_without_a_request_id_the_system_prompt_ties_exactly(self):
        self.tied_by('conversation_id', {**WITHOUT_KEYS, 'conversation_id': True})

    def test_without_any_key_the_only_turn_at_work_is_inferred_and_of_two_none(self):
        self.begin(WITHOUT_KEYS)
        self.hold()
        first = self.ask('Say hello.')
        alone, = self.records(1)
        self.assertTie(alone, 'inferred', 'only_running', False, alone['cascade_id'])
        # The first goes on, so the second is not the only one.
        second = self.ask('Say hello to somebody else.')
        alone, beside = self.records(2)
        self.assertTie(alone, 'inferred', 'only_running', False, alone['cascade_id'])
        self.assertTie(beside, 'none', None, False, None)
        self.let_go()
        mine, other = self.finish(first), self.finish(second)
        self.assertNotEqual(mine, other)
        alone, beside = after = self.confirmed(2)
        self.assertTie(alone, 'exact', 'only_running', True, mine)
        self.assertTie(beside, 'exact', 'response_id', True, other)
        self.assertResponsesAreThoseOfUpstream(after)

    def test_what_nobody_names_stays_inferred_or_none(self):
        self.begin({**WITHOUT_KEYS, 'copy_response_id': False})
        self.hold()
        first = self.ask('Say hello.')
        self.records(1)
        second = self.ask('Say hello to somebody else.')
        self.records(2)
        self.let_go()
        mine, _ = self.finish(first), self.finish(second)
        alone, beside = self.records(2)
        self.assertTie(alone, 'inferred', 'only_running', False, mine)
        self.assertTie(beside, 'none', None, False, None)
