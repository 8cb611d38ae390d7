"""`antigravity-proxy report`: what a bug report needs, and nothing that is nobody's business."""

import json

from case import Case
from world import DROP_IN, MODEL_HOST

TOKEN = 'canary-token-5f2b91c0'
PASSWORD = 'canary pass phrase'
CASCADE = '1b4e28ba-2fa1-11d2-883f-0016d3cca427'
POLICY = f'''\
http:
  - match: {MODEL_HOST}
    headers:
      - {{direction: request, set: X-Team, value: "{PASSWORD}"}}
      - {{direction: request, set: X-Key, value: {TOKEN}}}
hosts:
  - {{match: canary.corp.example, action: block}}
'''


class Report(Case):
    FILE = '/root/report.json'

    def setUp(self):
        super().setUp()
        self.box.run('rm', '-f', self.FILE)
        self.addCleanup(self.box.run, 'rm', '-f', self.FILE)

    def test_no_canary_is_in_it(self):
        self.box.write(DROP_IN.format('policy'), POLICY)
        self.world.start()
        # Whatever the journal has of it.
        self.box.run('systemd-run', '--wait', '--quiet', '--unit=antigravity-canary', 'echo',
                     f'{TOKEN} {PASSWORD} {CASCADE} of dev in /home/dev at canary.corp.example')
        self.box.run('antigravity-proxy', 'report', '--yes', '--output', self.FILE, timeout=120)
        self.assertEqual('600 root', self.box.run('stat', '-c', '%a %U', self.FILE).out.strip())
        text = self.box.run('cat', self.FILE).out
        for canary in (TOKEN, PASSWORD, CASCADE, '/home/dev', 'canary.corp.example'):
            self.assertNotIn(canary, text)
        report = json.loads(text)
        self.assertEqual('antigravity-proxy.report.v1', report['schema'])
        self.assertIn('Linux', report['system']['kernel'])
        self.assertNotEqual('', report['system']['package antigravity-proxy'])
        self.assertEqual('active', next(unit['active'] for unit in report['units'] if unit['name'] == 'antigravity-proxy.service'))
        self.assertIn('headers:', ''.join(report['configuration'][DROP_IN.format('policy')]))
        self.assertTrue(any('ready' in line for line in report['journal']), report['journal'][-5:])

    def test_it_is_never_written_over_another_or_unasked(self):
        self.world.start()
        self.assertEqual(64, self.box.run('antigravity-proxy', 'report', '--output', self.FILE, check=False).code)
        self.assertEqual('', self.box.run(f'ls {self.FILE} 2> /dev/null', check=False).out)
        self.box.write(self.FILE, 'mine')
        said = self.box.run('antigravity-proxy', 'report', '--yes', '--output', self.FILE, check=False, timeout=120)
        self.assertEqual(1, said.code)
        self.assertSays(said.text, 'cannot be written')
        self.assertEqual('mine', self.box.run('cat', self.FILE).out)
