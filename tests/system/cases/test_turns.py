"""Turns when something goes wrong in the middle, and many at once."""

import json

from case import Case
from container import poll
from world import LS_KNOBS

MODEL = 'gemini-3-flash'
HOLD = f'{LS_KNOBS.rpartition("/")[0]}/hold'


class Turns(Case):
    era = 'e2'

    def setUp(self):
        super().setUp()
        self.world.language_server_knobs(era=self.era, hold_file=HOLD)
        self.addCleanup(self.box.run, 'rm', '-f', HOLD)
        self.world.configure(mode='managed')
        self.world.start_ide(era=self.era)
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def ask(self, text='Say hello.', **more):
        """A turn in the background; its exchange with upstream is over and recorded, the turn is not."""
        self.box.run('touch', HOLD)
        before = self.world.usage_http()['totals']['calls']
        turn = self.box.start('curl', '-sS', '-m', '100', '-w', '\n%{http_code}', '-H', 'Content-Type: application/json', '--data-binary',
                              json.dumps({'model': MODEL, 'input': text, **more}), 'http://127.0.0.1:8741/v1/responses')
        self.world.wait_usage(before + 1)
        return turn

    def finish(self, turn):
        out, err = turn.communicate(timeout=120)
        text, _, status = out.rpartition('\n')
        try:
            return int(status), json.loads(text)
        except ValueError:
            self.fail(f'{out}\n{err}\n{self.world.journal()[-3000:]}')

    def assertTheNextTurnWorks(self):
        self.box.run('rm', '-f', HOLD)
        self.world.wait_language_server(60)
        status, answer = poll(lambda: (lambda found: found if found[0] == 200 else None)(
            self.world.http('/v1/responses', 'POST', {'model': MODEL, 'input': 'Say hello.'}, check=False)), 60, 'the next turn works')
        self.assertEqual('completed', answer['status'], answer)
        self.assertCounted()

    def test_the_language_server_is_killed(self):
        turn = self.ask()
        self.box.run('pkill', '-KILL', '-u', 'antigravity-ls')
        status, answer = self.finish(turn)
        self.assertIn(status, (502, 503), answer)
        self.assertSays(answer['error']['message'], 'language server')
        self.assertCounted()
        self.assertTheNextTurnWorks()

    def test_the_editor_is_closed(self):
        turn = self.ask()
        self.world.stop_ide()
        status, answer = self.finish(turn)
        self.assertIn(status, (502, 503), answer)
        self.assertCounted()
        self.world.start_ide(era=self.era)
        self.assertTheNextTurnWorks()

    def test_the_client_goes_away(self):
        turn = self.ask()
        self.box.run('pkill', '-x', 'curl')
        turn.communicate(timeout=30)
        self.assertCounted()  # what was spent until then
        self.assertTheNextTurnWorks()

    def test_the_daemon_is_restarted(self):
        turn = self.ask()
        self.box.run('systemctl', 'restart', 'antigravity-proxy', timeout=100)
        out, _ = turn.communicate(timeout=60)
        text, _, status = out.rpartition('\n')
        self.assertNotEqual('200', status, text)
        self.assertCounted()
        self.assertTheNextTurnWorks()

    def test_a_turn_under_way_ends_whole_although_the_service_is_restarted(self):
        stops = lambda: self.world.journal('antigravity-proxy.service').count('stopping, live streams may end')
        seen, before = stops(), self.world.main_pid('antigravity-proxy.service')
        turn = self.ask()
        self.box.run('systemctl', 'restart', '--no-block', 'antigravity-proxy')
        poll(lambda: stops() > seen, 20, 'the daemon is asked to go')
        self.box.run('rm', '-f', HOLD)
        status, answer = self.finish(turn)
        self.assertEqual((200, 'completed'), (status, answer.get('status')), answer)
        poll(lambda: self.world.main_pid('antigravity-proxy.service') not in (0, before), 60, 'another daemon runs')
        self.assertTheNextTurnWorks()

    def test_fifty_conversations_at_once(self):
        words = [f'word{n:03d}' for n in range(50)]
        script = '''set -e
            for word in {words}; do
              curl -sS -m 110 -H 'Content-Type: application/json' --data-binary "{{\\"model\\": \\"{model}\\", \\"input\\": \\"Say $word. [[fake:echo]]\\"}}" \\
                -o /tmp/turn-$word.json http://127.0.0.1:8741/v1/responses &
            done
            wait'''.format(words=' '.join(words), model=MODEL)
        self.addCleanup(self.box.run, 'rm -f /tmp/turn-*.json')
        self.box.run(script, timeout=150)
        answers = {word: json.loads(self.box.run('cat', f'/tmp/turn-{word}.json').out) for word in words}
        self.assertEqual({'completed'}, {answer.get('status') for answer in answers.values()},
                         [answer for answer in answers.values() if answer.get('status') != 'completed'][:2])
        cascades = {word: answer['antigravity_proxy']['cascade_id'] for word, answer in answers.items()}
        self.assertEqual(50, len(set(cascades.values())))
        self.assertCounted()
        for word, answer in answers.items():
            usage = self.world.http(f'/v1/usage?cascade={cascades[word]}')[1]['totals']
            self.assertEqual((usage['input_total'], usage['output_total']),
                             (answer['usage']['input_tokens'], answer['usage']['output_tokens']), word)
        self.assertEqual({word: word for word in words}, {word: self.said(answer, words) for word, answer in answers.items()})

    def said(self, answer, words):
        """Which of the words the answer repeats."""
        text = json.dumps(answer['output'])
        return ' '.join(word for word in words if word in text)
