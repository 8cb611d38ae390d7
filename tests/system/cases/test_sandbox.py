"""The sandboxes: what the four programs cannot do, tried from inside, and systemd's own judgement of them."""

import json
import re

from case import Case
from container import poll
from world import DAEMON, DOUBLES, HELPER, LS_BINARY

PROBE = '/usr/libexec/antigravity-proxy-sandbox-probe'
PROBE_UNIT = '/run/systemd/system/sandbox-probe.service'
REPORT = '/opt/sandbox-probe.json'
LS_REPORT = '/var/lib/antigravity-ls/sandbox-probe.json'
LS_UNITS = 'antigravity-ls-*.service'
FINDER = 'antigravity-proxy-finder.service'
# What makes a unit the service it is; everything else of it, the sandbox, is taken over as it is.
NOT_SANDBOX = re.compile(r'(Type|BusName|NotifyAccess|Exec(?!Paths)\w+|WatchdogSec|Restart\w*|Timeout\w+|Standard\w+|OOMPolicy'
                         r'|RuntimeDirectoryPreserve)=')
REFUSED = {'EPERM', 'EACCES', 'EROFS', 'ENOSYS', 'EAFNOSUPPORT'}
# Beside these everything that the probe tries is refused.
MAY = {
    DAEMON: {'connect /run/antigravity-proxy/api.sock', 'connect /run/dbus/system_bus_socket',
             'list /var/log', 'list /run/antigravity-proxy-helper', 'list /var/lib/antigravity-proxy',
             'read /etc/antigravity-proxy/proxy.yaml', 'read /var/lib/antigravity-proxy/ca/ca.key',
             'socket unix', 'socket inet', 'socket inet6',
             'write /run/antigravity-proxy', 'write /tmp', 'write /var/tmp',
             'write /var/lib/antigravity-proxy', 'write /var/lib/antigravity-proxy/ca'},
    # Sessions of the IDE are found there.
    FINDER: {'see processes of others', 'list /home', 'list /home/dev', 'list /run/user', 'list /var/log',
             'read /etc/antigravity-proxy/proxy.yaml', 'socket unix', 'write /tmp', 'write /var/tmp'},
    HELPER: {'connect /run/antigravity-proxy/api.sock', 'connect /run/dbus/system_bus_socket',
             'connect /run/systemd/private',
             # The kernel lets members of the group root past ProtectProc=.
             'see processes of others',
             'list /var/log', 'list /run/antigravity-proxy-helper', 'read /etc/antigravity-proxy/proxy.yaml',
             'socket unix', 'socket netlink', 'write /run/antigravity-proxy-helper', 'write /tmp', 'write /var/tmp'},
    LS_UNITS: {'list /run/antigravity-proxy-helper', 'socket unix', 'socket inet', 'socket inet6', 'socket netlink',
               'write /tmp', 'write /var/tmp', 'write /var/lib/antigravity-ls'},
}
# What a container refuses root as well, or its kernel has not: nothing is shown by these.
NOT_IN_A_CONTAINER = {'become real-time', 'call delete_module', 'call finit_module', 'call kexec_load', 'call perf_event_open',
                      'call swapon', 'call quotactl', 'call acct', 'call clock_settime', 'call bpf', 'call reboot',
                      'call open_by_handle_at', 'call keyctl', 'open kernel log', 'open memory', 'socket alg', 'socket vsock',
                      'unshare user', 'write core_pattern', 'write cgroup', 'connect /run/systemd/private'}
LS_ENVIRONMENT = {'AGP_CSRF_TOKEN', 'AGP_EXTENSION_SERVER_CSRF_TOKEN', 'CURL_CA_BUNDLE', 'DENO_CERT', 'GIT_SSL_CAINFO',
                  'GOMEMLIMIT', 'HOME', 'INVOCATION_ID', 'LANG', 'LOGNAME', 'MEMORY_PRESSURE_WATCH', 'MEMORY_PRESSURE_WRITE',
                  'NODE_EXTRA_CA_CERTS', 'PATH', 'REQUESTS_CA_BUNDLE', 'SHELL', 'SSL_CERT_DIR', 'SSL_CERT_FILE',
                  'STATE_DIRECTORY', 'SYSTEMD_EXEC_PID', 'USER'}
# As required. What is left of the daemon's: it must reach the internet (PrivateNetwork=, IPAddressDeny=, AF_INET) and tell users
# apart (PrivateUsers=).
EXPOSURE = {HELPER: 1.5, LS_UNITS: 1.2, DAEMON: 1.2, FINDER: 1.2}
UNITS = ('antigravity-proxy.service', 'antigravity-proxy-helper.service',
         'antigravity-proxy-ide-patch.service', 'antigravity-proxy-ide-patch.path', 'antigravity-proxy-api.socket',
         'antigravity-proxy-intercept.socket', 'antigravity-proxy-diagnosis.socket', 'antigravity-proxy-finder.socket',
         'antigravity-proxy-finder.service')
NO_CAPABILITIES = '0' * 16


def is_refused(what, result):
    # A file may be hidden; a call that says so has looked, and was let through.
    return result in REFUSED or result == 'ENOENT' and not what.startswith('call ')


class Sandbox(Case):
    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def probe(self, unit):
        """What the probe says that runs with all the settings of a shipped unit."""
        text = self.box.run('systemctl', 'cat', unit).out
        service = text[text.index('[Service]'):].partition('\n[')[0]
        kept = [line for line in service.splitlines() if '=' in line and not NOT_SANDBOX.match(line)]
        self.addCleanup(self.box.run, 'rm', '-f', PROBE, PROBE_UNIT, REPORT)
        self.box.run('install', '-m', '755', f'{DOUBLES}/sandbox-probe', PROBE)
        self.box.write(PROBE_UNIT, '\n'.join(['[Service]', *kept, 'Type=oneshot', f'ExecStart={PROBE}', 'StandardInput=null',
                                              f'StandardOutput=truncate:{REPORT}', 'RuntimeDirectoryPreserve=yes', '']))
        self.box.run('systemctl daemon-reload; systemctl start sandbox-probe')
        return json.loads(self.box.run('cat', REPORT).out)

    def probe_as_language_server(self):
        """What it says when the helper starts it in the place of the language server."""
        self.box.run(f'cp -p {LS_BINARY} /opt/language-server; cp {DOUBLES}/sandbox-probe {LS_BINARY}.new; '
                     f'chmod 755 {LS_BINARY}.new; mv {LS_BINARY}.new {LS_BINARY}')
        self.addCleanup(self.box.run, f'mv /opt/language-server {LS_BINARY}; rm -f {LS_REPORT}')
        # Not the command: it waits for one that can be driven.
        self.box.run(f"systemctl stop '{LS_UNITS}'")
        poll(lambda: self.box.run('test', '-s', LS_REPORT, check=False).code == 0, 60, 'the helper started the probe')
        return json.loads(self.box.run('cat', LS_REPORT).out)

    def assertConfined(self, unit, report):
        self.assertGreater(len(report['tries']), 80)
        reached = {what: result for what, result in report['tries'].items()
                   if not is_refused(what, result) and what not in MAY[unit]}
        self.assertEqual({}, reached, f'{unit} reaches what its sandbox must keep from it')
        who = report['identity']
        self.assertEqual(('1', '2', '0 1 2'), (who['NoNewPrivs'], who['Seccomp'], who['fds']))
        self.assertEqual(NO_CAPABILITIES, who['CapAmb'])

    def test_the_probe_reaches_what_no_sandbox_keeps_from_it(self):
        self.box.run('install', '-m', '755', f'{DOUBLES}/sandbox-probe', PROBE)
        self.addCleanup(self.box.run, 'rm', '-f', PROBE)
        tries = json.loads(self.box.run(PROBE).out)['tries']
        self.assertEqual(set(), {what for what, result in tries.items() if is_refused(what, result)} - NOT_IN_A_CONTAINER)

    # threat-model 22
    def test_the_daemon_cannot_do_what_it_must_not(self):
        report = self.probe(DAEMON)
        self.assertConfined(DAEMON, report)
        self.assertEqual((NO_CAPABILITIES, NO_CAPABILITIES), (report['identity']['CapEff'], report['identity']['CapBnd']))

    # threat-model 93
    def test_the_finder_cannot_do_what_it_must_not(self):
        report = self.probe(FINDER)
        self.assertConfined(FINDER, report)
        self.assertEqual((NO_CAPABILITIES, NO_CAPABILITIES), (report['identity']['CapEff'], report['identity']['CapBnd']))

    # threat-model 44
    def test_the_helper_writes_nowhere_but_in_its_own_directory(self):
        report = self.probe(HELPER)
        self.assertConfined(HELPER, report)
        net_admin = f'{1 << 12:016x}'
        self.assertEqual((net_admin, net_admin), (report['identity']['CapEff'], report['identity']['CapBnd']))

    # threat-model 16
    # threat-model 21
    # threat-model 22
    # threat-model 23
    def test_the_language_server_cannot_do_what_it_must_not(self):
        report = self.probe_as_language_server()
        self.assertConfined(LS_UNITS, report)
        who = report['identity']
        uid, gid = (self.box.run('id', option, 'antigravity-ls').out.strip() for option in ('-u', '-g'))
        self.assertEqual((' '.join([uid] * 4), ' '.join([gid] * 4), gid), (who['Uid'], who['Gid'], who['Groups']))
        for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd'):
            self.assertEqual(NO_CAPABILITIES, who[kind], kind)
        self.assertEqual(set(), set(who['environment'].split()) - LS_ENVIRONMENT)

    # threat-model 25
    def test_nobody_reads_the_environment_of_the_language_server(self):
        for pid in self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls').out.split():
            read = self.box.run('cat', f'/proc/{pid}/environ', user='dev', check=False)
            self.assertEqual((1, ''), (read.code, read.out))
        shown = self.box.run(f"systemctl show '{LS_UNITS}' -P Environment", user='dev').out
        self.assertNotIn('TOKEN', shown)

    def test_the_settings_of_a_running_language_server_outlive_a_reload_of_the_service_manager(self):
        kept = lambda: self.box.run('systemctl', 'show', LS_UNITS, '-p', 'LoadState,User,NoNewPrivileges,StopPropagatedFrom,'
                                    'CapabilityBoundingSet,ReadOnlyPaths,InaccessiblePaths').out
        before = kept()
        self.assertIn('LoadState=loaded', before)
        self.box.run('systemctl', 'daemon-reload')
        self.assertEqual(before, kept())

    # threat-model 85
    def test_systemd_judges_them_as_required(self):
        self.box.run('systemctl', 'start', HELPER)
        for unit, limit in EXPOSURE.items():
            if unit == LS_UNITS:
                unit = self.box.run(f"systemctl list-units --plain --no-legend '{LS_UNITS}'").out.split()[0]
            said = self.box.run('systemd-analyze', 'security', '--no-pager', unit, check=False).out
            level = re.search(r'Overall exposure level for \S+: ([0-9.]+)', said)
            self.assertIsNotNone(level, said)
            self.assertLessEqual(float(level[1]), limit, said)

    # threat-model 86
    def test_systemd_has_nothing_to_say_about_the_units(self):
        files = self.box.run('dpkg', '-L', 'antigravity-proxy').out
        self.assertEqual(sorted(UNITS), sorted(re.findall(r'/systemd/system/([^/\n]+)$', files, re.MULTILINE)))
        # Without man(1) in the container; that the pages are there is looked at here.
        verified = self.box.run('systemd-analyze', '--man=no', 'verify', *UNITS, check=False)
        self.assertEqual((0, ''), (verified.code, verified.text))
        pages = re.findall(r'man:([\w.-]+)\((\d)\)', self.box.run('systemctl', 'cat', *UNITS).out)
        self.assertGreaterEqual(len(pages), 4)
        for name, section in pages:
            self.assertIn(f'/man{section}/{name}.{section}', files)
        names = self.box.run("grep -h '^BusName=' /usr/lib/systemd/system/antigravity-* /lib/systemd/system/antigravity-* "
                             '| sort | uniq -c', check=False).out.split('\n')
        times = 2 if self.box.run('test', '/lib', '-ef', '/usr/lib', check=False).code == 0 else 1
        self.assertEqual([f'{times} BusName=org.antigravityproxy.Helper1'], [' '.join(line.split()) for line in names if line])
