"""Content that passes the installed service is found nowhere: files, journal, pages, bus, core files."""

import json
import secrets

from case import Case
from container import poll
from world import BUNDLE, DAEMON, MODEL_HOST, PROXY_YAML

STATE = '/var/lib/antigravity-proxy'
PAGES = ('/metrics', '/health', '/v1/status', '/v1/usage', '/v1/usage?group_by=model,host,kind,uid', '/v1/usage/records?limit=1000')
PAGES += ('/v1/usage/export?format=csv', '/v1/usage/export?format=json', '/v1/usage/export?format=ndjson')
STREAM = '/var/tmp/stream.log'
SCENARIOS = ('', 'tool-round', 'inband-error', 'error429', 'error503-sse-type', 'cut-midstream', 'trailers', 'coded;coding=br')
# The prompt comes back in the answer: in texts, messages, arguments, fields of the head, and behind what is kept of ids.
ECHOES = ('echo', 'echo,inband-error', 'echo,error429', 'echo,error503-sse-type', 'echo,cut-midstream', 'echo,tool-round')


ANSWER = '/tmp/canary-answer'


class Canary(Case):
    def plant(self, secret, scenario):
        """One call as the language server's user, with the secret wherever a request has room for it."""
        prompt = f'please keep {secret} to yourself'
        parts = [{'text': prompt}]
        if 'echo' not in scenario:  # the answer to a tool's result calls no tool again
            parts += [{'functionResponse': {'name': 'view_file', 'response': {'output': prompt}}}]
        body = json.dumps({'project': secret, 'model': 'gemini-3-flash', 'requestType': 'agent', 'userAgent': prompt, secret: [prompt],
                           'request': {'systemInstruction': {'parts': [{'text': prompt}]}, 'sessionId': secret,
                                       'contents': [{'role': 'user', 'parts': parts}]}})
        fields = (f'Authorization: Bearer {secret}', f'Cookie: sid={secret}', f'X-Goog-Api-Key: {secret}', f'User-Agent: {prompt}',
                  f'X-{secret}: {secret}', f'X-Fake-Scenario: {scenario}', 'Content-Type: application/json')
        path = f'/v1internal:streamGenerateContent?alt=sse&key={secret}'
        for version in ('--http1.1', '--http2'):
            self.box.run('curl', '-sS', '-i', '-o', ANSWER, version, '--cacert', BUNDLE, *(part for f in fields for part in ('-H', f)),
                         '--data-binary', '@-', f'https://{MODEL_HOST}{path}', user='antigravity-ls', stdin=body, check=False)
            # curl drops what it has not written when a stream is reset.
            if 'echo' in scenario and (scenario, version) != ('echo,cut-midstream', '--http2'):
                self.assertEchoed(secret, scenario, version)
        self.box.run('curl', '-sS', '-o', '/dev/null', '--cacert', BUNDLE, '-H', fields[0], f'https://{MODEL_HOST}/files/{secret}',
                     user='antigravity-ls', check=False)

    def assertEchoed(self, secret, scenario, version):
        answer = self.box.run('cat', ANSWER).out
        self.assertGreaterEqual(answer.count(secret), 4, f'{scenario} {version}: the answer does not have it\n{answer}')

    def ask_everywhere(self, records):
        """Every way to single records; what the commands print, by name."""
        self.box.unit('stream-record', 'sh', '-c', f"exec curl -sSN -i 'http://127.0.0.1:8741/v1/usage/stream?after=0' > {STREAM}")
        self.addCleanup(self.box.run, f'systemctl stop stream-record; rm -f {STREAM} {ANSWER}', check=False)
        said = {'Records': self.box.run('busctl', 'call', 'org.antigravityproxy.Daemon1', '/org/antigravityproxy/Daemon1',
                                        'org.antigravityproxy.Daemon1', 'Records', 'a{ss}', '1', 'limit', '1000').out}
        for form in ('csv', 'json', 'ndjson'):  # D-Bus Export
            said[f'export {form}'] = self.box.run('antigravity-proxy', 'export', '--format', form).out
        poll(lambda: int(self.box.run(f"grep -c '^event: record' {STREAM}", check=False).out or 0) >= records, 15, f'{records} in the stream')
        said['/v1/usage/stream'] = self.box.run('cat', STREAM).out
        for name, text in said.items():
            self.assertIn('gemini-3-flash', text, f'{name}: nothing was looked at')
        return said

    # threat-model 68
    def test_content_is_found_nowhere(self):
        secret = 'Zq' + secrets.token_hex(9) + 'qZ'
        self.world.configure(proxy=PROXY_YAML.format(mode='off') + 'log:\n  level: debug\n')
        self.world.start()
        self.box.unit('bus-record', 'sh', '-c', 'exec dbus-monitor --system > /var/tmp/bus.log')
        self.addCleanup(self.box.run, 'systemctl stop bus-record; rm -f /var/tmp/bus.log', check=False)
        poll(lambda: self.box.run('test -s /var/tmp/bus.log', check=False).code == 0, 10, 'the bus is recorded')
        for scenario in SCENARIOS + ECHOES:
            self.plant(secret, scenario)
        planted = 2 * len(SCENARIOS + ECHOES)
        self.world.wait_usage(planted)
        places = self.ask_everywhere(planted)
        self.world.usage_bus()
        self.box.run('antigravity-proxy', 'usage', '--json')
        poll(lambda: self.box.run("grep -q UsageRecorded /var/tmp/bus.log", check=False).code == 0, 10, 'the bus carries records')
        for member in ('Records', 'Export'):
            poll(lambda: self.box.run(f'grep -q member={member} /var/tmp/bus.log', check=False).code == 0, 10, f'the bus carries {member}')
        places |= {'the bus': self.box.run('cat /var/tmp/bus.log').out, 'the journal': self.world.journal(),
                   'the whole journal': self.box.run('journalctl', '-o', 'export', '--no-pager', timeout=120).out}
        for page in PAGES:
            places[page] = self.box.run('curl', '-sS', '-i', f'http://127.0.0.1:8741{page}').out
        self.assertIn('gemini-3-flash', places['/v1/usage/records?limit=1000'], 'nothing was looked at')
        for name, text in places.items():
            self.assertNotIn(secret.lower(), text.lower(), name)
        self.assertFilesClean(secret)
        # Killed: what was waiting is on disk as it is.
        self.plant(secret, '')
        self.box.run('systemctl', 'kill', '--signal=KILL', DAEMON)
        self.assertFilesClean(secret)

    def assertFilesClean(self, secret):
        found = self.box.run(f"grep -r -l -a -i -F '{secret}' {STATE} /run/antigravity-proxy /run/antigravity-proxy-helper /var/cache "
                             f"/var/lib/systemd /etc/antigravity-proxy 2>/dev/null", check=False).out
        self.assertEqual('', found, 'files have it')
        self.assertIn('usage.db', self.box.run(f'ls -R {STATE}').out)

    # threat-model 46
    def test_the_daemon_leaves_no_core_file_and_lets_nobody_look_at_it(self):
        self.world.start()
        pid = self.world.main_pid(DAEMON)
        core = next(line for line in self.box.run(f'cat /proc/{pid}/limits').out.splitlines() if line.startswith('Max core file size'))
        self.assertEqual(['0', '0'], core.split()[4:6])
        # A process that may not be dumped belongs to root under /proc: its own account cannot read its memory map.
        refused = self.box.run('cat', f'/proc/{pid}/maps', user='antigravity-proxy', check=False)
        self.assertNotEqual(0, refused.code, 'the memory of the daemon is open to its own account')
