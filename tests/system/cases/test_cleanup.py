"""`antigravity-proxy cleanup`: no trace is left, whatever is left of the installation."""

import json

from case import Case, only
from container import poll
from observer import Observer
from steps import kill
from world import BUNDLE, UPSTREAM4, UPSTREAM6

LIBEXEC = '/usr/libexec/antigravity-proxy'
BUS_SOCKET = '/run/dbus/system_bus_socket'
OURS = '-m comment --comment antigravity-proxy:v1'


class Cleanup(Case):
    """With the table of nf_tables, which ends with the helper's unit."""

    backend = 'nftables'
    rules = {'kind': 'table', 'name': 'inet antigravity_proxy'}

    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.wait_ide()
        self.observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        self.before = self.observer.snapshot()

    def up(self):
        self.world.start()
        self.world.wait_language_server()
        self.world.client('--count', '2')
        return self.assertCounted()

    def cleanup(self, *options, check=True):
        done = self.box.run('antigravity-proxy', 'cleanup', '--json', *options, check=False, timeout=300)
        if check:
            self.assertEqual(0, done.code, done.text)
        return json.loads(done.out)

    def assertAsBefore(self):
        self.assertEqual([], Observer.differences(self.before, self.observer.snapshot()))

    def test_a_running_service_is_taken_away_and_its_ledger_stays(self):
        truth = self.up()
        self.box.run('iptables -w -t nat -A OUTPUT -d 198.51.100.1 -p tcp --dport 443 -j ACCEPT')
        self.addCleanup(self.box.run, 'iptables -w -t nat -F OUTPUT')
        report = self.cleanup()
        self.assertEqual([], report['left'])
        self.assertEqual([], report['problems'])
        self.assertEqual({'unit', self.rules['kind'], 'files'}, {trace['kind'] for trace in report['removed']})
        self.assertIn('198.51.100.1', self.box.run('iptables-save -t nat').out)
        self.box.run('iptables -w -t nat -D OUTPUT -d 198.51.100.1 -p tcp --dport 443 -j ACCEPT')
        self.assertAsBefore()
        again = self.cleanup()
        self.assertEqual(([], [], []), (again['found'], again['removed'], again['left']))
        self.world.start()
        self.assertEqual(truth['totals']['calls'], self.world.usage_http()['totals']['calls'])

    def test_it_works_with_daemon_helper_and_bus_gone(self):
        self.up()
        # Half of the package is removed while the rest of it is running, and the bus cannot be reached or started.
        self.box.run(f'mv {LIBEXEC} {LIBEXEC}.away && mv {BUS_SOCKET} {BUS_SOCKET}.away')
        try:
            kill(self.box, ('helper', 'daemon', 'bus'))
            found = self.cleanup('--dry-run')['found']
            self.assertIn(self.rules, found)
            self.assertIn({'kind': 'files', 'name': BUNDLE.rpartition('/')[0]}, found)
            report = self.cleanup(check=False)
            self.assertEqual([], report['left'], report)
            self.assertIn('install the package again', ' '.join(report['problems']))
            self.assertEqual([], self.observer.our_rules())
            self.assertEqual('', self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls', check=False).out)
        finally:
            self.box.run(f'mv {LIBEXEC}.away {LIBEXEC}; mv {BUS_SOCKET}.away {BUS_SOCKET}')
            self.box.run('systemctl reset-failed; systemctl start dbus.service')
        self.assertAsBefore()

    def test_it_works_without_a_bus(self):
        self.up()
        self.box.run(f'mv {BUS_SOCKET} {BUS_SOCKET}.away')
        try:
            kill(self.box, ('helper', 'bus'))
            report = self.cleanup()
            self.assertEqual(([], []), (report['left'], report['problems']))
        finally:
            self.box.run(f'mv {BUS_SOCKET}.away {BUS_SOCKET}; systemctl start dbus.service')
        self.assertAsBefore()

    def test_rules_of_the_other_variant_of_iptables_are_removed_too(self):
        self.box.run(f'''set -e
            iptables-legacy -w -t nat -N AGP_NAT
            iptables-legacy -w -t nat -A AGP_NAT -p tcp {OURS} -j RETURN
            iptables-legacy -w -t nat -A OUTPUT -p tcp -d 198.51.100.2 {OURS} -j AGP_NAT
            iptables-legacy -w -t nat -A OUTPUT -p tcp -d 198.51.100.1 -j ACCEPT''')
        self.addCleanup(self.box.run, 'iptables-legacy -w -t nat -F OUTPUT')
        report = self.cleanup()
        self.assertEqual([{'kind': 'rules', 'name': 'iptables-legacy nat'}], report['removed'])
        saved = self.box.run('iptables-legacy-save').out
        self.assertNotIn('AGP_NAT', saved)
        self.assertIn('198.51.100.1', saved)

    def test_a_table_that_nobody_owns_is_removed_too_and_no_nft_is_needed(self):
        self.box.run('''set -e
            nft add table inet antigravity_proxy
            nft add chain inet antigravity_proxy filter_output '{ type filter hook output priority 0 ; }'
            nft add rule inet antigravity_proxy filter_output ip daddr 198.51.100.2 drop
            nft add table inet somebody_elses
            mv /usr/sbin/nft /usr/sbin/nft.away''')
        self.addCleanup(self.box.run, 'nft delete table inet somebody_elses')
        try:
            self.assertEqual([self.rules], self.cleanup('--dry-run')['found'])
            report = self.cleanup()
        finally:
            self.box.run('mv /usr/sbin/nft.away /usr/sbin/nft')
        self.assertEqual(([self.rules], [], []), (report['removed'], report['left'], report['problems']))
        tables = self.box.run('nft list tables').out.splitlines()
        self.assertIn('table inet somebody_elses', tables)
        self.assertNotIn('table inet antigravity_proxy', tables)

    def test_a_dry_run_changes_nothing(self):
        self.up()
        running = self.observer.snapshot()
        report = self.cleanup('--dry-run')
        self.assertIn({'kind': 'unit', 'name': 'antigravity-proxy.service'}, report['found'])
        self.assertEqual([], report['removed'])
        self.assertEqual([], Observer.differences(running, self.observer.snapshot()))

    def test_it_is_for_root(self):
        refused = self.box.run('antigravity-proxy', 'cleanup', user='dev', check=False)
        self.assertEqual(77, refused.code, refused.text)
        self.assertSays(refused.text, 'sudo antigravity-proxy cleanup')

    def test_people_read_what_was_removed(self):
        self.world.start()
        said = self.box.run('antigravity-proxy', 'cleanup', timeout=300)
        self.assertSays(said.out, 'removed:', 'antigravity-proxy.service', BUNDLE.rpartition('/')[0])
        poll(lambda: not Observer.differences(self.before, self.observer.snapshot()), 10, 'nothing is left')
        self.assertSays(self.box.run('antigravity-proxy cleanup').out, 'nothing of antigravity-proxy is left')


@only('test_a_running_service_is_taken_away_and_its_ledger_stays', 'test_it_works_with_daemon_helper_and_bus_gone',
      'test_a_dry_run_changes_nothing')
class CleanupWithIptables(Cleanup):
    backend = 'iptables'
    rules = {'kind': 'rules', 'name': 'iptables-nft nat'}
