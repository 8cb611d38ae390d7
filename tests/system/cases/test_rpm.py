"""The .rpm in place of the .deb: scriptlets and payload. Its libraries are Debian's, not Fedora's."""

import subprocess
from pathlib import Path

from case import Case
from machine import differences, picture
from observer import Observer
from world import DAEMON, UPSTREAM4, UPSTREAM6

RPM = '/opt/antigravity-proxy.rpm'
PACKAGING = Path(__file__).resolve().parents[3] / 'packaging'
LATER = '/var/tmp/later'
# Debian's libraries are in no database of rpm: it cannot find what the package requires.
INSTALL = ('rpm', '--nodeps')
# The installed files once more, as a later release would differ: its number and a unit.
REPACK = f'''set -e
    cd {LATER}
    rpmbuild -bb --nodeps --load macros.debian --define '_topdir {LATER}' --define 'debug_package %{{nil}}' \\
      --define '_binary_payload w1.gzdio' antigravity-proxy.spec
    mv RPMS/*/*.rpm later.rpm'''
INSTALLED = r'''%install
mkdir -p %{buildroot}
rpm -ql antigravity-proxy | tar -C / --no-recursion -T - -c | tar -C %{buildroot} -x
sed -i 's/^Description=.*/Description=A later version/' %{buildroot}%{_unitdir}/antigravity-proxy.service

'''
OURS = ("find /etc /run /usr /var/lib -xdev \\( -path /run/systemd -o -path /usr/share/antigravity -o -path '/usr/lib/python3*' "
        "-o -path /var/lib/dpkg -o -path /var/lib/fake-upstream \\) -prune -o -iname '*antigravity*' -print | sort")
# What an erased package leaves; the locked accounts were there before.
KEPT = {r'left file: /etc/antigravity-proxy(/.*|\t.*)': 'what was configured here',
        r'left file: /var/lib/antigravity-proxy(/.*|\t.*)': 'what was measured, and the certificate authority'}


class Rpm(Case):
    def setUp(self):
        if not self.world.rpm:
            self.skipTest('the .rpm is tested on one release of Debian alone')
        super().setUp()
        self.world.purge()
        self.addCleanup(self.erase)
        self.before = picture(self.box)
        self.box.run(*INSTALL, '-i', RPM, timeout=120)

    def erase(self):
        self.box.run('rpm -e antigravity-proxy; rm -rf /var/lib/antigravity-* /etc/antigravity-proxy', check=False, timeout=120)

    def enabled(self):
        return self.box.run("systemctl list-unit-files --state=enabled --no-legend 'antigravity*'", check=False).out

    def test_the_main_job_runs_from_it_and_erasing_it_leaves_only_what_was_measured(self):
        self.assertNothingLeft()
        self.assertEqual('', self.enabled())
        self.box.run('rpm', '--verify', '--nodeps', 'antigravity-proxy')
        self.world.configure()
        self.world.start()
        self.world.client('--count', '3')
        truth = self.assertCounted()
        self.assertEqual(truth['totals']['calls'], self.world.usage_command()['totals']['calls'])
        self.world.stop()
        self.assertNothingLeft()
        # It is taken away while it runs, and will be wanted at no boot.
        self.world.start()
        self.box.run('systemctl', 'enable', DAEMON)
        self.box.run('rpm', '-e', 'antigravity-proxy', timeout=120)
        self.assertNothingLeft()
        self.assertEqual('', self.enabled())
        # rpm knows no purge: the ledger stays, and the configuration that was written here.
        self.assertEqual(['/etc/antigravity-proxy', '/var/lib/antigravity-proxy'], self.box.run(OURS).out.splitlines())
        self.assertEqual('', self.box.run('find /etc/antigravity-proxy -type f ! -path "*.yaml.d/*"').out)
        unexplained, unmet = differences(self.before, picture(self.box), KEPT)
        self.assertEqual(([], []), (unexplained, unmet))

    def test_a_later_release_takes_over_while_it_runs(self):
        self.repack()
        observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        observer.install()
        self.addCleanup(self.world.stop_udp_sink)
        self.world.start_udp_sink()
        self.world.configure()
        self.box.write('/etc/antigravity-proxy/helper.yaml', '# as somebody here wrote it\n')
        self.world.start()
        self.world.client('--count', '1')
        before = self.world.main_pid(DAEMON)
        end_watch = observer.watch('antigravity-ls')
        try:
            self.box.run(*INSTALL, '-U', f'{LATER}/later.rpm', timeout=120)
            self.world.wait_capture(60)
        finally:
            [probes] = end_watch()
        self.assertEqual('99', self.box.run('rpm', '-q', '--qf', '%{release}', 'antigravity-proxy').out)
        self.assertNotIn(self.world.main_pid(DAEMON), (0, before))
        self.assertEqual('A later version', self.box.run('systemctl', 'show', '-P', 'Description', DAEMON).out.strip())
        self.assertEqual('no', self.box.run('systemctl', 'show', '-P', 'NeedDaemonReload', DAEMON).out.strip())
        self.assertIn('as somebody here wrote it', self.box.run('cat', '/etc/antigravity-proxy/helper.yaml').out)
        self.assertNotEqual([], probes)
        self.assertEqual([], [probe for probe in probes if probe[2] == 'direct'])
        self.world.client('--count', '1')
        self.assertEqual(2, self.assertCounted()['totals']['calls'])
        self.world.stop()
        self.assertNothingLeft()

    def repack(self):
        spec = subprocess.run([str(PACKAGING / 'prepare'), 'spec', '/dev/stdout'], check=True, capture_output=True, text=True).stdout
        build, scriptlets = spec.index('%prep\n'), spec.index('%post\n')
        spec = spec[:build] + INSTALLED + spec[scriptlets:]
        lines = {'Release:': 'Release: 99\nAutoReqProv: no', '%license': '%{_datadir}/licenses/%{name}*', '%doc': '%{_docdir}/%{name}*'}
        spec = '\n'.join(lines.get(line.partition(' ')[0], line) for line in spec.splitlines())
        self.box.write(f'{LATER}/antigravity-proxy.spec', spec)
        self.box.write(f'{LATER}/macros.debian', (PACKAGING / 'rpm' / 'macros.debian').read_text())
        self.addCleanup(self.box.run, f'rm -r {LATER}')
        self.box.run(REPACK, timeout=120)
