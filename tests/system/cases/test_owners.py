"""Whose calls they are: the language server's account works for one user after the other."""

import json

from case import Case
from container import poll

MODEL = 'gemini-3-flash'
NAMES = 'dev', 'other'


class Owners(Case):
    def setUp(self):
        super().setUp()
        self.box.run('id other >/dev/null 2>&1 || useradd --create-home --shell /bin/bash other')
        self.world.configure(mode='managed')
        self.addCleanup(self.world.stop_ide)
        self.world.start()

    def session_of(self, user):
        """The IDE of that user runs, nobody else's, and the language server is theirs."""
        self.world.stop_ide()
        poll(lambda: self.world.status_document().get('language_server', {}).get('state') != 'running', 40,
             'the language server of the user before is gone')
        self.world.start_ide(user=user)
        self.world.wait_language_server()

    def turn(self, user):
        status, answer = self.world.http('/v1/responses', 'POST', {'model': MODEL, 'input': 'Say hello.'}, user=user)
        self.assertEqual((200, 'completed'), (status, answer.get('status')), answer)

    def calls(self, user=None, query=''):
        status, usage = self.world.http(f'/v1/usage{query}', user=user)
        self.assertEqual(200, status, usage)
        return usage['totals']['calls']

    def records(self, user=None):
        return self.world.http('/v1/usage/records', user=user)[1]['records']

    def export(self, user):
        return self.box.run('antigravity-proxy', 'export', '--format', 'ndjson', user=user).out.splitlines()

    def uid(self, user):
        return int(self.box.run('id', '-u', user).out)

    def test_the_next_user_sees_nothing_of_the_one_before(self):
        first, second = NAMES
        uids = {name: self.uid(name) for name in NAMES}
        account = self.uid('antigravity-ls')
        self.session_of(first)
        self.turn(first)
        before = self.world.wait_usage(1)['totals']['calls']
        self.assertEqual(before, self.calls(first))
        self.assertEqual(0, self.calls(second))

        self.session_of(second)
        self.assertEqual(0, self.calls(second))
        self.assertEqual(0, self.calls(second, f'?uid={account}'))
        self.assertEqual([], self.records(second))
        self.assertEqual([], self.export(second))
        self.assertEqual(before, self.calls(first), 'whose session is over keeps what is theirs')
        self.assertEqual(403, self.world.http('/v1/responses', 'POST', {'model': MODEL, 'input': 'x'}, user=first)[0])

        self.turn(second)
        self.world.wait_usage(before + 1)
        self.assertEqual(before, self.calls(first))
        mine = self.records(second)
        self.assertEqual(self.calls() - before, len(mine))
        self.assertEqual({(account, uids[second])}, {(each['local_uid'], each['owner_uid']) for each in mine})
        self.assertEqual(set(uids.values()), {each['owner_uid'] for each in self.records()})
        # On the bus as over HTTP.
        usage = json.loads(self.box.run('antigravity-proxy', 'usage', '--json', user=second).out)
        self.assertEqual(len(mine), usage['totals']['calls'])

