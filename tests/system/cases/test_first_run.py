"""From an installed package to a service that runs: nothing by itself, then everything, also after a boot."""

from case import Case
from world import DAEMON, MODEL_HOST, UPSTREAM_CA


class FirstRun(Case):
    # threat-model 87
    def test_nothing_is_captured_until_it_is_started(self):
        self.world.purge()
        self.world.install()
        self.world.configure()
        self.assertEqual([], self.world.rules())
        call = self.box.run('curl', '-sv', '-o', '/dev/null', '--cacert', '/etc/ssl/certs/fake-upstream.pem', f'https://{MODEL_HOST}/direct',
                            user='antigravity-ls')
        self.assertRegex(call.err, f'issuer:.*{UPSTREAM_CA}')
        status = self.world.status()
        self.assertEqual(3, status.code, status)
        self.assertSays(status.text, 'systemctl start antigravity-proxy')
        self.assertNothingLeft()

    def test_once_enabled_it_is_there_after_a_boot(self):
        self.world.start()
        self.world.client('--count', '2')
        self.assertCounted()
        # No stop: the shutdown of the machine is one.
        self.box.run('systemctl', 'enable', DAEMON)
        self.addCleanup(self.box.run, 'systemctl', 'disable', DAEMON)
        self.world.shut_down_and_boot()
        self.world.wait_capture(60)
        self.world.client('--count', '1')
        self.assertEqual(3, self.world.wait_usage(3)['totals']['calls'], 'what was measured before the boot, and after it')
        self.assertEqual(0, self.world.status_document()['ledger']['lost_ever'])
        self.assertEqual('', self.box.run('systemctl --failed --no-legend --plain').out)
