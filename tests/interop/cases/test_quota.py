"""How a quota goes while turns use it up, and why: daemon, language server and upstream."""

import json
import urllib.request
from datetime import datetime, timedelta, timezone

from case import Case
from world import API, DIRECT, OWNER, PROXIED, get, poll

MODEL = 'gemini-3-flash'
# Far enough from whenever this runs: a window that is over has no figures.
RESET = (datetime.now(timezone.utc) + timedelta(days=30)).replace(microsecond=0).isoformat().replace('+00:00', 'Z')


class Quota(Case):
    @classmethod
    def setUpClass(cls):
        attached = cls.world.start_ide('e1', quota_tokens='1000000', quota_reset=RESET)
        cls.world.restart_daemon(language_server=f'{attached}\n  user: {OWNER}\n  quota_every: 1s')

    @classmethod
    def tearDownClass(cls):
        cls.world.end('ide')
        cls.world.restart_daemon()

    def is_quiet(self):
        """The language server keeps its connections, so that only the ledger tells."""
        return self.world.status()['ledger']['waiting'] == 0

    def turn(self):
        body = json.dumps({'model': MODEL, 'input': 'Say hello.'}).encode()
        request = urllib.request.Request(f'{API}/v1/responses', body, {'Content-Type': 'application/json'})
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.assertEqual('completed', json.load(answer)['status'])

    def seen_by(self, uid, path):
        return json.loads(self.world.run('curl', '-sS', '-m', '30', API + path, uid=uid).text)

    def points(self):
        series = [each for each in get(f'{API}/v1/quota/history')['series'] if each['id'] == MODEL]
        return series[0]['points'] if series else []

    def test_a_fall_stands_beside_the_turn_that_made_it(self):
        before = get(f'{API}/v1/why?window=1h')['measured']['calls']  # of cases that ran earlier
        self.turn()
        first = poll(self.points, 30, 'the quota is looked at because of the call')
        self.turn()
        poll(lambda: len(self.points()) > len(first), 30, 'it is looked at again')
        why = get(f'{API}/v1/why?window=1h')
        found, = [each for each in why['quotas'] if each['id'] == MODEL]
        self.assertEqual((PROXIED, 'model', 0, 0), tuple(found[key] for key in ('uid', 'kind', 'fell_without_calls', 'resets')))
        tokens = sum(fall['total'] for fall in found['falls'])
        self.assertGreater(tokens, 0, found)
        self.assertAlmostEqual(found['first']['remaining_fraction'] - found['last']['remaining_fraction'], found['fell_by'])
        self.assertEqual([MODEL], [each['key'] for each in found['by_model']])
        self.assertIsNotNone(found['by_cascade'][0]['key'])
        self.assertEqual(before + 2, why['measured']['calls'])
        quota, = [each for each in get(f'{API}/v1/quota')['models'] if each['id'] == MODEL]
        self.assertIsNone(quota['forecast'], 'seconds are too little to go by')
        # The others have not fallen, and nobody else sees any of it.
        self.assertEqual({0}, {each['fell_by'] for each in why['quotas'] if each['id'] != MODEL})
        self.assertTrue(self.seen_by(PROXIED, '/v1/why')['quotas'])
        self.assertEqual([], self.seen_by(DIRECT, '/v1/why')['quotas'])
        self.assertEqual([], self.seen_by(DIRECT, '/v1/quota/history')['series'])
