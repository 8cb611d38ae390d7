"""A later version takes the place of this one while its language server runs."""

from case import Case
from container import poll
from observer import Observer
from world import APT, DAEMON, PROXY_YAML, UPSTREAM4, UPSTREAM6

LATER = '/var/tmp/antigravity-proxy-later.deb'
# The package under test once more, as a later version would differ: its number and a unit.
REPACK = f'''set -e
    cd /var/tmp && rm -rf later {LATER}
    dpkg-deb --raw-extract /opt/antigravity-proxy.deb later
    sed -i 's/^Version: .*/Version: 99.0/' later/DEBIAN/control
    rm later/DEBIAN/md5sums
    sed -i 's/^Description=.*/Description=A later version/' "$(find later -path '*/systemd/system/antigravity-proxy.service')"
    dpkg-deb -z1 --root-owner-group --build later {LATER}
    rm -r later'''
# Its helper writes what this one's does: rules of another version are made by hand.
AGE_RULES = '''set -e
    for family in iptables ip6tables; do
      $family-save | sed 's/antigravity-proxy:v1/antigravity-proxy:v0/' | $family-restore
    done'''


class Upgrade(Case):
    backend = 'iptables'  # a table is made anew by each version

    # threat-model 90
    def test_a_later_version_takes_over_with_its_rules_and_units(self):
        self.box.run(REPACK)
        self.addCleanup(self.box.run, f'rm {LATER}')
        self.addCleanup(self.world.purge)  # the next case installs the version under test
        observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        observer.install()
        self.addCleanup(self.world.stop_udp_sink)
        self.world.start_udp_sink()
        self.world.configure(proxy=PROXY_YAML.format(mode='managed') + 'capture:\n  verify_every: 10m\n')
        self.addCleanup(self.world.stop_ide)
        self.world.start_ide()
        self.world.wait_ide()
        self.world.start()
        self.world.wait_language_server()
        self.world.client('--count', '1')
        self.box.run(AGE_RULES)
        poll(lambda: self.versions_of_rules() == {'v1'}, 10, 'rules of another version are replaced')
        self.world.wait_language_server()  # without the filter of this version it was not left running
        before = self.processes()

        end_watch = observer.watch('antigravity-ls')
        try:
            self.box.run(*APT, 'install', LATER, timeout=120)
            self.world.wait_capture(60)
            self.world.wait_language_server(60)
        finally:
            [probes] = end_watch()
        self.assertEqual('99.0', self.box.run('dpkg-query -W -f \\${Version} antigravity-proxy').out)
        self.assertEqual({'v1'}, self.versions_of_rules())
        self.assertEqual('A later version', self.box.run('systemctl', 'show', '-P', 'Description', DAEMON).out.strip())
        self.assertEqual('no', self.box.run('systemctl', 'show', '-P', 'NeedDaemonReload', DAEMON).out.strip())
        # Nothing of the version before runs on, and at no time was the account past it.
        self.assertEqual(set(), before & self.processes())
        self.assertEqual([], [probe for probe in probes if probe[2] == 'direct'])
        self.world.client('--count', '1')
        self.assertEqual(2, self.assertCounted()['totals']['calls'])
        self.world.stop()
        self.assertNothingLeft()

    def processes(self):
        """Daemon and language server: pids with the time of their start."""
        lines = self.box.run('ps -eo user:32,pid,lstart,args --no-headers').out.splitlines()
        found = {line for line in lines if line.startswith(('antigravity-proxy ', 'antigravity-ls ')) and 'prober' not in line}
        self.assertGreaterEqual(len(found), 2, lines)
        return found

    def versions_of_rules(self):
        return {rule.partition('antigravity-proxy:')[2][:2] for rule in self.world.rules() if '--comment' in rule}
