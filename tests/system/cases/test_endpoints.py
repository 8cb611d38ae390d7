"""What the API says of models, quota and sessions with a language server of each era, and who may ask it."""

import json
from datetime import datetime, timedelta, timezone

from case import Case
from container import poll
from world import DOUBLES, LS_BINARY

KNOBS = f'{LS_BINARY.rpartition("/")[0]}/fake-ls.json'
BASE = 'http://127.0.0.1:8741'
SOCKET = '/run/antigravity-proxy/api.sock'
KEYS = '/etc/antigravity-proxy/api.keys'
EMPTY, MODEL = 'MODEL_PLACEHOLDER_M18', 'gemini-3-flash'  # the one of its quota that is used up
# Far enough from whenever this runs: a window that is over has no figures.
RESET = (datetime.now(timezone.utc) + timedelta(days=30)).replace(microsecond=0).isoformat().replace('+00:00', 'Z')


class Reading:
    """With a language server of `era`."""

    era = ''

    def begin(self, proxy='', **knobs):
        self.addCleanup(self.box.run, 'rm', '-f', KNOBS, KEYS)
        self.box.write(KNOBS, json.dumps({'era': self.era, 'quota_reset': RESET, **knobs}))
        self.world.configure(mode='managed')
        if proxy:
            self.box.write('/etc/antigravity-proxy/proxy.yaml.d/60-test.yaml', proxy)
        self.box.unit('fake-ide', f'{DOUBLES}/fake-ide', '--era', self.era, '--ls-binary', LS_BINARY,
                      properties=('User=dev', 'WorkingDirectory=/home/dev', 'Environment=HOME=/home/dev'))
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def ask(self, path, *options, user=None):
        """Status and document of what curl gets, run by that user (root otherwise)."""
        output = self.box.run('curl', '-sS', '-m', '60', '-w', '\n%{http_code}', *options, BASE + path, user=user)
        text, _, status = output.out.rpartition('\n')
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), text

    def good(self, path, *options, user=None):
        status, document = self.ask(path, *options, user=user)
        self.assertEqual(200, status, document)
        return document

    def assertRefused(self, status, code, answer):
        self.assertEqual(status, answer[0], answer[1])
        self.assertEqual(code, answer[1]['error']['code'], answer[1])
        self.assertTrue(answer[1]['error'].get('hint') or answer[1]['error']['message'], answer[1])

    def bus(self, member):
        output = self.box.run('busctl', '--json=short', 'call', 'org.antigravityproxy.Daemon1',
                              '/org/antigravityproxy/Daemon1', 'org.antigravityproxy.Daemon1', member)
        return json.loads(json.loads(output.out)['data'][0])

    def command(self, verb, user=None):
        return json.loads(self.box.run('antigravity-proxy', verb, '--json', user=user).out)

    def turn(self, user=None):
        body = json.dumps({'model': MODEL, 'input': 'Say hello.'})
        return self.ask('/v1/responses', '-H', 'Content-Type: application/json', '--data-binary', body, user=user)

    # Each endpoint

    def test_health(self):
        self.begin()
        self.assertEqual({'status': 'ok'}, self.good('/health'))

    def test_models_are_those_of_the_language_server(self):
        self.begin()
        document = self.good('/v1/models', user='dev')
        self.assertEqual('list', document['object'])
        self.assertEqual('language_server', document['antigravity_proxy']['source'], document)
        models = {each['id']: each for each in document['data']}
        self.assertIn(MODEL, models)
        self.assertEqual({'model'}, {each['object'] for each in models.values()})
        self.assertEqual(models[MODEL], self.good(f'/v1/models/{MODEL}', user='dev'))
        self.assertRefused(404, 'model_not_found', self.ask('/v1/models/no-such-model'))
        ids = [each['id'] for each in document['data']]
        self.assertEqual(ids, [each['id'] for each in self.bus('Models')['data']])
        self.assertEqual(ids, [each['id'] for each in self.command('models', user='dev')['data']])

    def test_sessions_are_the_running_ides(self):
        self.begin()
        document = self.good('/v1/sessions')
        session, = [each for each in document['sessions'] if each['in_use']]
        self.assertEqual('antigravity-proxy.sessions.v1', document['schema'])
        self.assertEqual(('dev', True, None), (session['user'], session['usable'], session['reason']), session)
        self.assertIn(session['era'], (self.era, None), session)
        self.assertEqual(document['sessions'], self.bus('Sessions')['sessions'])
        self.assertEqual(document['sessions'], self.command('sessions', user='dev')['sessions'])

    def test_quota_is_what_the_language_server_says(self):
        self.begin(quota=f'{EMPTY}=0')
        document = self.good('/v1/quota', user='dev')
        self.assertEqual(('antigravity-proxy.quota.v1', 'current', None),
                         (document['schema'], document['state'], document['problem']))
        left = {each['slot']: each['remaining_fraction'] for each in document['models']}
        self.assertEqual(0, left.pop(EMPTY), 'a share of 0 is left out by the language server')
        self.assertEqual({0.8}, set(left.values()))
        self.assertEqual({RESET}, {each['resets_at'] for each in document['models']})
        self.assertEqual({None}, {each['unknown_because'] for each in document['models']})
        shares = [(each['id'], each['remaining_fraction']) for each in document['models']]
        for other in (self.bus('Quota'), self.command('quota', user='dev')):
            self.assertEqual(shares, [(each['id'], each['remaining_fraction']) for each in other['models']])
        lines = self.box.run('antigravity-proxy', 'quota', user='dev').out.splitlines()
        self.assertLessEqual(max(map(len, lines)), 60, lines)

    def test_a_placeholder_is_no_quota(self):
        self.begin(quota_answers='placeholder')
        document = self.good('/v1/quota')
        self.assertEqual({(None, 'placeholder')},
                         {(each['remaining_fraction'], each['unknown_because']) for each in document['models']})
        shown = self.box.run('antigravity-proxy', 'quota').out
        self.assertIn('unknown', shown)
        self.assertNotIn('100', shown)

    def test_what_was_read_is_shown_as_old_when_the_ide_is_gone(self):
        self.begin()
        self.good('/v1/quota')
        self.world.stop_ide()
        document = poll(lambda: next((each for each in [self.ask('/v1/quota')[1]] if each.get('state') == 'stale'), None),
                        30, 'the quota is known to be old')
        self.assertTrue(document['problem']['remedy'], document)
        self.assertEqual(1, self.box.run('antigravity-proxy', 'quota', check=False).code)

    def test_without_an_ide_there_is_a_catalogue_and_advice(self):
        self.world.configure(mode='managed')
        self.world.start()
        self.assertRefused(503, 'language_server_unavailable', self.ask('/v1/quota'))
        for user in (None, 'dev'):
            self.assertRefused(503, 'language_server_unavailable', self.turn(user))
        self.assertEqual('catalogue', self.good('/v1/models')['antigravity_proxy']['source'])
        self.assertEqual([], self.good('/v1/sessions')['sessions'])
        self.assertEqual(1, self.box.run('antigravity-proxy', 'quota', check=False).code)

    def test_a_turn_is_counted_as_usage(self):
        self.begin()
        status, answer = self.turn('dev')
        self.assertEqual((200, 'completed'), (status, answer.get('status')), answer)
        self.world.wait_usage(1)
        self.assertEqual(1, self.good('/v1/usage', user='dev')['totals']['calls'])

    def test_a_fall_of_the_quota_stands_beside_the_call_that_made_it(self):
        self.begin(proxy='language_server:\n  quota_every: 1s\n', quota_tokens=1_000_000)
        self.other_user()

        def points(user='dev'):
            series = self.good('/v1/quota/history', user=user)['series']
            return [point for each in series if each['id'] == MODEL for point in each['points']]

        def falls():
            found = [each for each in self.command('why', user='dev')['quotas'] if each['id'] == MODEL and each['falls']]
            return found[0] if found else None

        self.assertEqual(200, self.turn('dev')[0])
        poll(points, 30, 'the quota is looked at because of the call')
        before = len(points())
        self.assertEqual(200, self.turn('dev')[0])
        poll(lambda: len(points()) > before, 30, 'it is looked at again')
        found = poll(falls, 30, 'it fell')
        self.assertEqual((0, 0), (found['fell_without_calls'], found['resets']), found)
        self.assertGreater(found['measured']['total'], 0)
        self.assertEqual([MODEL], [each['key'] for each in found['by_model']])
        self.assertIsNotNone(found['by_cascade'][0]['key'], found)
        self.assertEqual([], points('other'))
        self.assertEqual([], self.command('why', user='other')['quotas'])
        for verb in (('why',), ('quota',), ('models',), ('records',), ('usage',), ('usage', '--by', 'day,model,kind'), ('status',)):
            shown = self.box.shown_on_terminal('antigravity-proxy', *verb, user='dev', columns=60)
            self.assertIn('ledger' if verb[0] == 'status' else 'gem', shown.lower())
            self.assertLessEqual(max(map(len, shown.splitlines())), 60, shown)

    # Who may

    def other_user(self):
        self.box.run('id other >/dev/null 2>&1 || useradd --create-home --shell /bin/bash other')

    def test_nobody_sees_or_drives_the_session_of_another(self):
        self.begin()
        self.other_user()
        self.assertEqual(200, self.turn('dev')[0])
        self.world.wait_usage(1)
        self.assertEqual(403, self.turn('other')[0])
        self.assertRefused(403, 'not_your_session', self.ask('/v1/quota', user='other'))
        self.assertRefused(403, 'not_your_session', self.ask('/v1/models', user='other'))
        self.assertEqual([], self.good('/v1/sessions', user='other')['sessions'])
        self.assertEqual(0, self.good('/v1/usage', user='other')['totals']['calls'])
        self.assertEqual([], self.good('/v1/usage/records', user='other')['records'])
        refused = self.box.run('antigravity-proxy', 'quota', user='other', check=False)
        self.assertEqual(77, refused.code, refused)
        self.assertEqual([], self.command('sessions', user='other')['sessions'])
        # The socket tells users apart as well.
        through = self.box.run('curl', '-sS', '--unix-socket', SOCKET, 'http://localhost/v1/quota', user='other').out
        self.assertEqual('not_your_session', json.loads(through)['error']['code'])

    # threat-model 34
    def test_the_language_server_itself_is_refused(self):
        self.begin()
        for path in ('/v1/quota', '/v1/sessions', '/v1/models', '/v1/usage'):
            # The rules keep it from the port.
            port = self.box.run('curl', '-sS', '-m', '10', BASE + path, user='antigravity-ls', check=False)
            self.assertNotEqual(0, port.code, port)
            socket = self.box.run('curl', '-sS', '--unix-socket', SOCKET, 'http://localhost' + path,
                                  user='antigravity-ls', check=False)
            self.assertEqual('caller_refused', json.loads(socket.out)['error']['code'], socket)

    # threat-model 69
    # threat-model 76
    def test_whom_the_kernel_does_not_name_needs_a_key(self):
        key = 'agp_' + '0123456789abcdef' * 4
        self.begin(proxy=f'api:\n  keys_file: {KEYS}\n')
        self.assertRefused(401, 'caller_unknown', self.ask('/v1/quota', user='nobody'))
        self.box.run(f'printf "sha256:%s dev\\n" "$(printf %s {key} | sha256sum | cut -c 1-64)" > {KEYS}; '
                     f'chgrp antigravity-proxy {KEYS}; chmod 0640 {KEYS}')
        bearer = ('-H', f'Authorization: Bearer {key}')
        self.assertEqual('current', self.good('/v1/quota', *bearer, user='nobody')['state'])
        self.assertRefused(401, 'key_unknown', self.ask('/v1/quota', '-H', 'Authorization: Bearer x' + key, user='nobody'))
        self.good('/v1/quota', '-H', 'Authorization: Bearer unused', user='dev')
        self.box.run('chmod', '0666', KEYS)
        self.assertRefused(401, 'key_unknown', self.ask('/v1/quota', *bearer, user='nobody'))
        self.assertIn('api_keys_faulty', [each['code'] for each in self.world.status_document()['problems']])
        self.assertNotIn(key, self.world.journal())

    # threat-model 69
    def test_the_page_is_for_everyone_and_what_it_shows_is_not(self):
        self.begin()
        pages = [self.ask('/', *socket, user=user) for user, socket in
                 ((None, ()), ('dev', ()), ('nobody', ()), ('dev', ('--unix-socket', SOCKET)))]
        self.assertEqual({200}, {status for status, _ in pages}, pages)
        self.assertEqual(1, len({text for _, text in pages}), 'the same octets for each of them')
        self.assertTrue(pages[0][1].startswith('<!doctype html>'), pages[0][1][:200])
        self.assertRefused(401, 'caller_unknown', self.ask('/v1/usage', user='nobody'))
        self.assertEqual(421, self.ask('/', '-H', 'Host: evil.example:8741')[0])

    # threat-model 70
    # threat-model 71
    # threat-model 72
    def test_web_pages_are_refused(self):
        self.begin()
        self.assertEqual(421, self.ask('/v1/quota', '-H', 'Host: evil.example:8741')[0])
        self.assertEqual(403, self.ask('/v1/quota', '-H', 'Origin: http://evil.example')[0])
        self.assertEqual(403, self.ask('/v1/quota', '-H', 'Sec-Fetch-Site: cross-site')[0])
        self.assertEqual(415, self.ask('/v1/responses', '-H', 'Content-Type: text/plain', '--data-binary', '{}')[0])
        head = self.box.run('curl', '-sS', '-i', '-X', 'OPTIONS', '-H', 'Origin: http://evil.example',
                            '-H', 'Access-Control-Request-Method: GET', BASE + '/v1/quota').out
        self.assertIn(' 403 ', head.splitlines()[0])
        self.assertNotIn('access-control-allow', head.lower())


class ReadingE1(Reading, Case):
    era = 'e1'


class ReadingE2(Reading, Case):
    era = 'e2'


class ReadingE3(Reading, Case):
    era = 'e3'
