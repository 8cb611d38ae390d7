"""`antigravity-proxy doctor` names what is really wrong with a machine, and is content again once it is mended.

Each fault of the table is put into the booted machine, told, and taken out again; docs/troubleshooting.md has a row for each.
The clock is the exception: that of a container is its host's. Certificates and records are of another time instead, which is
what a wrong clock makes of them.
"""

import json
import sqlite3
from contextlib import closing

from case import Case
from container import ContainerError, poll
from world import BUNDLE, CONTROL, DAEMON, DOUBLES, DROP_IN, HELPER, LS_BINARY, MODEL_HOST, PROXY_YAML, UPSTREAM_CA, resigned_ca

STATE = '/var/lib/antigravity-proxy'
LIBEXEC = '/usr/libexec/antigravity-proxy'
BUS_FILE = '/usr/share/dbus-1/system-services/org.antigravityproxy.Helper1.service'
BUS_SOCKET = '/run/dbus/system_bus_socket'
SYSTEM_STORE = '/etc/ssl/certs/ca-certificates.crt'
UNIT_DROP_IN = '/etc/systemd/system/antigravity-proxy.service.d/60-test.conf'
RESTART = 'systemctl restart antigravity-proxy'
# In the time of the test nothing may go on being started in vain.
STOP = 'systemctl stop antigravity-proxy'
START = 'systemctl start antigravity-proxy'
FOLLOWS_STOP = ('service.reachable', 'units.service')
# What a client of a test sends is no language server's call, and is said so.
CALLS_OF_A_TEST = tuple(f'calls.{about}' for about in ('understood', 'http2', 'decoded', 'usage', 'totals', 'cascade', 'confirmed'))


class Fault:
    def __init__(self, name, check, inject, undo, cause, remedy, others=(), state='failed', client=''):
        self.name, self.check, self.inject, self.undo = name, check, inject, undo
        self.cause, self.remedy, self.state = cause, remedy, state
        # What may fail along with it, because it follows from the same fault.
        self.others = others
        self.client = client  # said after the fault is there


def with_proxy(extra):
    """Shell: proxy.yaml of the case with more in it."""
    text = PROXY_YAML.format(mode='off').replace('upstream:\n', extra.get('upstream', 'upstream:\n')) + extra.get('more', '')
    path = DROP_IN.format('proxy')
    return f"cp {path} /tmp/proxy.saved; cat > {path} <<'END'\n{text}END\n{RESTART}"


PROXY_BACK = f'cp /tmp/proxy.saved {DROP_IN.format("proxy")}; {RESTART}'


def squatter(address):
    """Shell: another program has the address before the service starts."""
    return (f"{STOP}; systemd-run --quiet --collect --unit=squatter openssl s_server -nocert -accept '{address}' -quiet; "
            f"for i in $(seq 50); do ss -Hltn | grep -qF '{address}' && break; sleep 0.1; done; {START} || true")


NO_SQUATTER = f'systemctl stop squatter; {START}'


def over_state(options):
    """Shell: another file system in place of the state directory, as the service finds it at its next start."""
    return (f'{STOP}; mount -t tmpfs -o {options},mode=0700 tmpfs {STATE}; chown antigravity-proxy: {STATE}; {START}')


NOT_OVER_STATE = f'{STOP}; umount {STATE}; {START}'


def with_ca_of(start, end):
    """Shell: our certificate, and the one in the bundle, are of that time, though the service was not restarted."""
    return (f'{resigned_ca(start, end)}\n'
            f'{{ head -n 1 {BUNDLE}; cat {STATE}/ca/ca.pem {SYSTEM_STORE}; }} > /tmp/bundle; cat /tmp/bundle > {BUNDLE}')


def in_days(days):
    return f'$(date -u -d "{days} days" +%Y%m%d%H%M%SZ)'


# The first makes another certificate authority, which is told until the second.
ANOTHER_CA = f'{RESTART}; {RESTART}'

UNITS = (
    Fault('service-stopped', 'units.service', STOP, START, ('antigravity-proxy.service is inactive',),
          ('systemctl start antigravity-proxy',), FOLLOWS_STOP),
    Fault('service-masked', 'units.service', f'{STOP}; systemctl mask --runtime {DAEMON}',
          f'systemctl unmask --runtime {DAEMON}; {START}', ('is masked',), ('systemctl unmask',), FOLLOWS_STOP),
    Fault('unit-faulty', 'units.service',
          f'{STOP}; mkdir -p $(dirname {UNIT_DROP_IN}); printf "[Service]\\nExecStart=\\n" > {UNIT_DROP_IN}; systemctl daemon-reload',
          f'rm -r $(dirname {UNIT_DROP_IN}); systemctl daemon-reload; {START}', ('bad-setting',), ('systemctl cat',), FOLLOWS_STOP),
    Fault('unit-not-reloaded', 'units.reload',
          # systemd looks again only into directories that were there when it read the units.
          f'mkdir -p $(dirname {UNIT_DROP_IN}); systemctl daemon-reload; printf "[Service]\\nNice=1\\n" > {UNIT_DROP_IN}',
          f'rm -r $(dirname {UNIT_DROP_IN}); systemctl daemon-reload', ('antigravity-proxy.service changed',), ('daemon-reload',)),
    Fault('port-8741-taken', 'units.ports', squatter('127.0.0.1:8741'), NO_SQUATTER,
          ('127.0.0.1:8741 is taken by openssl', 'uid 0'), ('stop that program',), (*FOLLOWS_STOP, 'units.sockets')),
    Fault('port-8741-taken-ipv6', 'units.ports', squatter('[::1]:8741'), NO_SQUATTER,
          ('[::1]:8741 is taken by openssl',), ('stop that program',), (*FOLLOWS_STOP, 'units.sockets')),
    Fault('port-8742-taken', 'units.ports', squatter('127.0.0.1:8742'), NO_SQUATTER,
          ('127.0.0.1:8742 is taken by openssl',), ('stop that program',), (*FOLLOWS_STOP, 'units.sockets')),
    Fault('helper-masked', 'units.helper', f'systemctl mask --runtime {HELPER}', f'systemctl unmask --runtime {HELPER}',
          (f'{HELPER} is masked',), ('systemctl unmask',)),
    Fault('helper-not-executable', 'units.programs', f'chmod a-x {LIBEXEC}/antigravity-proxy-helper',
          f'chmod a+x {LIBEXEC}/antigravity-proxy-helper', ('antigravity-proxy-helper is not executable',), ('reinstall',)),
    Fault('dbus-service-missing', 'units.helper', f'mv {BUS_FILE} /tmp/; systemctl reload dbus',
          f'mv /tmp/{BUS_FILE.rpartition("/")[2]} {BUS_FILE}; systemctl reload dbus',
          ('the bus cannot start the helper',), ('install antigravity-proxy again',)),
    Fault('api-socket-unreachable', 'sockets.file', 'rm /run/antigravity-proxy/api.sock', f'{STOP}; {START}',
          ('api.sock: No such file',), ('systemctl restart antigravity-proxy',)),
    Fault('service-hung', 'service.reachable', f'systemctl kill --kill-whom=main --signal=STOP {DAEMON}',
          f'systemctl kill --kill-whom=main --signal=CONT {DAEMON}', ('does not answer', 'hangs'), ('systemctl restart',)),
)

MACHINE = (
    Fault('account-missing', 'machine.accounts', 'cp -p /etc/passwd /tmp/passwd; sed -i /^antigravity-ls:/d /etc/passwd',
          'cp -p /tmp/passwd /etc/passwd', ('there is no account antigravity-ls',), ('systemd-sysusers',),
          ('capture.ipv4', 'capture.ipv6', 'capture.quic', 'capture.helper', 'capture.redirect', 'service.problems')),
    # As where dbus-daemon died and cannot be started; the service tries again and again meanwhile. Debian 13's logind does not
    # come back to the bus by itself, and whoever installs a package then waits 25 s for it.
    Fault('bus-gone', 'machine.polkit', f'mv {BUS_SOCKET} {BUS_SOCKET}.away; systemctl kill --signal=KILL dbus',
          f'mv {BUS_SOCKET}.away {BUS_SOCKET}; systemctl reset-failed; systemctl start dbus; systemctl restart systemd-logind; {RESTART}',
          ('the system bus cannot be reached',), ('dbus.service',), FOLLOWS_STOP),
    Fault('polkit-gone', 'machine.polkit', 'systemctl mask --runtime --now polkit', 'systemctl unmask --runtime polkit',
          ('polkit does not answer', 'masked'), ('unmask polkit',), ('service.problems',)),
    Fault('polkit-actions-missing', 'machine.polkit',
          'mv /usr/share/polkit-1/actions/org.antigravityproxy.policy /tmp/; systemctl restart polkit',
          'mv /tmp/org.antigravityproxy.policy /usr/share/polkit-1/actions/; systemctl restart polkit',
          ('does not know the actions',), ('org.antigravityproxy.policy',), ('service.problems',)),
    Fault('clock-before-certificate', 'machine.clock', with_ca_of(in_days(2), in_days(100)), ANOTHER_CA,
          ('our certificate was made at', 'the clock is wrong'), ('timedatectl',), ('capture.ipv4', 'capture.ipv6')),
    Fault('disk-full', 'machine.disk', over_state('size=24m'), NOT_OVER_STATE,
          (f'{STATE} has', 'MiB left'), ('df -h',), ('ledger.healthy', 'service.problems')),
    Fault('inodes-gone', 'machine.disk', over_state('size=200m,nr_inodes=40'), NOT_OVER_STATE,
          ('inodes left',), ('df -i',), ('ledger.healthy', 'service.problems')),
    Fault('state-read-only', 'machine.disk', f'mount --bind {STATE} {STATE}; mount -o remount,bind,ro {STATE}', NOT_OVER_STATE,
          ('mounted read-only',), ('remount,rw',), ('ledger.healthy', 'service.problems')),
    Fault('config-proxy', 'config.service', f"printf 'capture:\\n  mode: sometimes\\n' > {DROP_IN.format('proxy')[:-12]}70-x.yaml",
          f"rm {DROP_IN.format('proxy')[:-12]}70-x.yaml", ('70-x.yaml:2:9',), ('config check',)),
    Fault('config-policy', 'config.service',
          "mkdir -p /etc/antigravity-proxy/policy.yaml.d; printf 'default: perhaps\\n' > /etc/antigravity-proxy/policy.yaml.d/70-x.yaml",
          'rm /etc/antigravity-proxy/policy.yaml.d/70-x.yaml', ('policy.yaml.d/70-x.yaml:1:10',), ('correct these lines',)),
    Fault('config-helper', 'config.helper',
          "mkdir -p /etc/antigravity-proxy/helper.yaml.d; printf 'firewall:\\n  backend: mine\\n' > /etc/antigravity-proxy/helper.yaml.d/70-x.yaml",
          'rm /etc/antigravity-proxy/helper.yaml.d/70-x.yaml', ('70-x.yaml:2:12',), ('correct it',),
          ('capture.redirect', 'service.problems')),
    Fault('helper-yaml-writable', 'config.helper', 'chmod o+w /etc/antigravity-proxy/helper.yaml',
          'chmod o-w /etc/antigravity-proxy/helper.yaml', ('helper.yaml',), ('chmod go-w',), ('capture.redirect', 'service.problems')),
)

TRUST = (
    Fault('bundle-missing', 'trust.bundle', f'rm {BUNDLE}', RESTART, ('is not there',), ('systemctl restart antigravity-proxy',)),
    Fault('bundle-garbage', 'trust.bundle', f'echo nothing > {BUNDLE}', RESTART, ('no certificate can be read',),
          ('systemctl restart antigravity-proxy',)),
    Fault('bundle-without-ca', 'trust.bundle', f'cat {SYSTEM_STORE} > {BUNDLE}', RESTART, ('not ours',),
          ('systemctl restart antigravity-proxy',)),
    Fault('bundle-writable', 'trust.bundle', f'chmod 666 {BUNDLE}', RESTART, ('writable by others',),
          ('systemctl restart antigravity-proxy',)),
    Fault('system-store-empty', 'trust.system', f'cp {SYSTEM_STORE} /tmp/store; : > {SYSTEM_STORE}', f'cat /tmp/store > {SYSTEM_STORE}',
          ('has no certificate',), ('update-ca-certificates',), ('network.upstream',)),
    Fault('ca-expired', 'trust.bundle', with_ca_of('20200101000000Z', '20210101000000Z'), ANOTHER_CA, ('has expired',),
          ('systemctl restart antigravity-proxy',), ('capture.ipv4', 'capture.ipv6')),
    Fault('ca-key-unreadable', 'trust.key', f'chown root: {STATE}/ca/ca.key', f'chown antigravity-proxy: {STATE}/ca/ca.key',
          ('cannot read it',), ('chown antigravity-proxy',)),
    Fault('ca-key-open', 'trust.key', f'chmod 644 {STATE}/ca/ca.key', f'chmod 600 {STATE}/ca/ca.key', ('open to others',),
          ('makes a new key',)),
    Fault('client-refuses', 'trust.clients', 'true', RESTART, (MODEL_HOST,), ('trust',), ('service.problems',), client='system store'),
)

NETWORK = (
    Fault('upstream-certificate', 'network.upstream',
          with_proxy({'more': 'capture:\n  inspect:\n    - expired.example.test\n'}),
          # Each makes another certificate authority, which is told until the next start.
          f'{PROXY_BACK}; {RESTART}',
          ('expired.example.test', 'certificate has expired'), ('upstream.extra_ca_file',), ('trust.upstream', 'service.problems')),
    Fault('upstream-refuses', 'network.upstream', 'systemctl stop fake-upstream', '', ('Connection refused',), ('firewall',)),
    Fault('name-resolution', 'network.name', 'cp /etc/hosts /tmp/hosts; echo 127.0.0.1 localhost > /etc/hosts', 'cat /tmp/hosts > /etc/hosts',
          ('does not resolve',), ('getent hosts',)),
    Fault('upstream-proxy-wrong', 'network.upstream', with_proxy({'upstream': 'upstream:\n  proxy: http://127.0.0.1:9\n'}), PROXY_BACK,
          ('upstream.proxy 127.0.0.1:9', 'refused'), ('correct upstream.proxy',)),
    Fault('foreign-drop', 'capture.ipv4', 'iptables -I INPUT -i lo -p tcp --dport 8742 -j DROP',
          'iptables -D INPUT -i lo -p tcp --dport 8742 -j DROP',
          ('does not arrive at port 8742', 'no answer'), ('rule of another program',)),
    Fault('helper-hung', 'capture.helper', f'systemctl kill --kill-whom=main --signal=STOP {HELPER}',
          f'systemctl kill --kill-whom=main --signal=CONT {HELPER}', ('helper', 'hangs'), ('systemctl restart antigravity-proxy-helper',)),
    Fault('ledger-corrupt', 'ledger.healthy', f'{STOP}; head -c 8192 /dev/urandom > {STATE}/usage.db; {START}',
          f'{STOP}; rm {STATE}/usage.db*; {START}', ('failing',), ('usage.db away',), ('service.problems',)),
    Fault('export-failing', 'exporters.otlp',
          with_proxy({'more': 'telemetry:\n  otlp:\n    endpoint: http://127.0.0.1:4318/v1/metrics\n    interval: 1s\n'}), PROXY_BACK,
          ('http://127.0.0.1:4318', 'Connection refused', 'requests wait', 'the oldest for'), ('telemetry.otlp.endpoint',), ('service.problems',)),
    Fault('capture-off', 'capture.active', with_proxy({'more': 'capture:\n  mode: "off"\n'}), PROXY_BACK,
          ('capture.mode is off',), (), state='not_applicable'),
)

LANGUAGE_SERVER = (
    Fault('ls-missing', 'ls.go', f'mv {LS_BINARY} /tmp/ls', f'mv /tmp/ls {LS_BINARY}', ('no language server is installed',),
          ('install the Antigravity IDE',), state='unknown'),
    Fault('ls-writable', 'ls.binary', f'chmod o+w {LS_BINARY}', f'chmod o-w {LS_BINARY}', (LS_BINARY,), ('chmod go-w',)),
    Fault('ls-not-go', 'ls.go', f'cp -p {LS_BINARY} /tmp/ls; cp /usr/bin/true {LS_BINARY}', f'cp -p /tmp/ls {LS_BINARY}',
          ('is no Go program',), ('language_server.binaries',), ('ls.flags', 'ls.binary')),
    Fault('ls-flag-missing', 'ls.flags', f'cp -p {LS_BINARY} /tmp/ls; cp {DOUBLES}/fake-client {LS_BINARY}', f'cp -p /tmp/ls {LS_BINARY}',
          ('does not know', '--extension_server_port'), ('report it',), ('ls.binary',)),
    Fault('ls-off', 'ls.running', 'true', 'true', ('language_server.mode is off',), (), state='not_applicable'),
)


class Faults(Case):
    """A machine that is well before and after each fault."""

    def examine(self):
        said = self.box.run('antigravity-proxy', 'doctor', '--json', check=False, timeout=120)
        try:
            return json.loads(said.out)
        except ValueError:
            raise ContainerError(str(said)) from None

    def failed(self, document):
        return {check['id']: check for check in document['checks'] if check['state'] == 'failed'}

    def assertWell(self):
        seen = {}

        def well():
            seen.clear()
            seen.update(self.failed(self.examine()))
            return not seen
        try:
            poll(well, 10, 'doctor is content')
        except ContainerError as error:
            raise ContainerError(f'{error}: {json.dumps(seen, indent=1)}') from error

    def named(self, fault):
        """The document once it names the fault: what the service notices in the background takes a moment."""
        last = {}

        def there():
            document = self.examine()
            check = next(each for each in document['checks'] if each['id'] == fault.check)
            last.update(check)
            says = all(word.lower() in check['seen'].lower() for word in fault.cause)
            return document if check['state'] == fault.state and says else None
        try:
            return poll(there, 8, f'{fault.check} is {fault.state} and says {fault.cause}')
        except ContainerError as error:
            raise ContainerError(f'{error}: {json.dumps(last)}') from error

    def injected(self, fault):
        self.box.run(fault.inject)
        if fault.client:
            self.box.run('curl', '-sS', '--max-time', '10', '--cacert', SYSTEM_STORE, f'https://{MODEL_HOST}/', user='antigravity-ls', check=False)
        document = self.named(fault)
        check = next(each for each in document['checks'] if each['id'] == fault.check)
        self.assertSays(check['remedy'] or '', *fault.remedy)
        also = set(self.failed(document)) - {fault.check} - set(fault.others)
        self.assertEqual({}, {name: self.failed(document)[name] for name in also}, 'fails without being the cause')

    def undo(self, fault):
        if fault.undo:
            self.box.run(fault.undo)
        if fault.name == 'upstream-refuses':
            self.world.restart_upstream()

    def each(self, faults):
        self.assertWell()
        for fault in faults:
            with self.subTest(fault.name):
                try:
                    self.injected(fault)
                finally:
                    self.undo(fault)
                self.assertWell()


class Doctor(Faults):
    """With the service, and no language server of its own."""

    def test_units(self):
        self.world.start()
        self.each(UNITS)

    def test_machine_and_configuration(self):
        self.world.start()
        self.each(MACHINE)

    def test_trust(self):
        self.world.start()
        self.each(TRUST)

    def test_network_and_capture(self):
        self.world.start()
        self.each(NETWORK)

    def test_language_server(self):
        self.world.start()
        self.each(LANGUAGE_SERVER)

    def test_records_of_the_future(self):
        self.world.start()
        self.world.client('--count', '1')
        self.assertCounted()
        self.box.run(STOP)
        with closing(sqlite3.connect(self.box.root / STATE.lstrip('/') / 'usage.db')) as ledger, ledger:
            ledger.execute('UPDATE record SET started_at = started_at + 86400000000, ended_at = ended_at + 86400000000')
        fault = Fault('clock-before-records', 'machine.clock', START, f'{STOP}; rm {STATE}/usage.db*; {START}',
                      ('but the newest record is of', 'the clock is wrong'), ('timedatectl',), CALLS_OF_A_TEST)
        try:
            self.injected(fault)
        finally:
            self.undo(fault)
        self.assertWell()

    def test_nothing_is_measured_because_of_it(self):
        self.world.start()
        self.world.client('--count', '1')
        self.assertCounted()
        before = self.world.usage_http()['totals']
        document = self.examine()
        self.assertEqual([], [name for name in self.failed(document) if name not in CALLS_OF_A_TEST])
        by_id = {check['id']: check for check in document['checks']}
        for check in ('capture.ipv4', 'capture.ipv6', 'capture.quic'):
            self.assertEqual('ok', by_id[check]['state'], by_id[check])
        self.assertEqual(before, self.world.usage_http()['totals'])
        self.assertCounted()
        status = self.world.status_document()['interception']
        self.assertEqual((0, 0), (status['client_refused'], status['client_failed']))

    def test_who_is_not_root_is_told_what_it_takes(self):
        self.world.start()
        said = self.box.run('antigravity-proxy', 'doctor', '--json', user='dev', check=False)
        checks = {check['id']: check for check in json.loads(said.out)['checks']}
        for check in ('capture.ipv4', 'capture.quic', 'trust.key'):
            self.assertEqual(('unknown', 'run as root: sudo antigravity-proxy doctor'),
                             (checks[check]['state'], checks[check]['remedy']))
        self.assertEqual([], [check for check, found in checks.items() if found['state'] == 'failed'])

    def test_text_fits_a_terminal(self):
        self.world.start()
        text = self.box.run('antigravity-proxy', 'doctor', check=False).out
        for line in text.splitlines():
            self.assertTrue(len(line) <= 80 or ' ' not in line.strip(), line)


class DoctorWithIdes(Faults):
    """What shows only while an IDE is looked for."""

    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')

    def test_no_ide_is_waited_for_and_no_fault(self):
        self.world.start()
        self.injected(Fault('no-ide', 'ls.running', 'true', '', ('waiting for',), ('start the IDE',), state='unknown'))

    def test_two_users_have_to_be_chosen_from(self):
        self.box.run('id other >/dev/null 2>&1 || useradd --create-home --shell /bin/bash other')
        self.world.start_ide()
        self.world.start_ide(user='other', name='fake-ide-other')
        self.addCleanup(self.box.run, 'systemctl stop fake-ide fake-ide-other', check=False)
        self.world.wait_ide()
        self.world.wait_ide('fake-ide-other')
        self.world.start()
        self.injected(Fault('two-users', 'ls.running', 'true', '', ('several users', 'dev', 'other'), ('language_server.user',),
                            ('service.problems',)))

    def test_a_language_server_that_ends_each_time(self):
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.wait_ide()
        # The IDE's own, of the same program, runs by now.
        self.world.language_server_knobs(start_exit=3)
        self.world.start()
        self.injected(Fault('ls-crash-loop', 'ls.running', 'true', '', ('language server', 'exit status 3'), ('ls status',), ('service.problems',)))

    def test_processes_that_cannot_be_seen(self):
        """As /proc mounted with hidepid; the finder's unit has a /proc of its own here."""
        folder = '/etc/systemd/system/antigravity-proxy-finder.service.d'
        again = 'systemctl daemon-reload; systemctl restart antigravity-proxy-finder'
        self.world.start()
        self.addCleanup(self.box.run, f'rm -rf {folder}; {again}')
        self.injected(Fault('hidepid', 'machine.proc',
                            f'mkdir -p {folder}; printf "[Service]\\nProtectProc=invisible\\n" > {folder}/60-test.conf; {again}', '',
                            ('hidepid',), ('SupplementaryGroups',), ('service.problems', 'ls.running')))


PROGRAMS = ' '.join(f'/usr/sbin/{name}-{verb}' for name in ('iptables', 'ip6tables') for verb in ('save', 'restore'))
# A helper of before knows what it put back.
ANOTHER_HELPER = f'{STOP}; systemctl stop {HELPER}; {START}'
NOT_CAPTURED = ('capture.active', 'capture.redirect', 'capture.repairs', 'capture.ipv4', 'capture.ipv6', 'capture.quic', 'service.problems')


def accept_ipv6(verb):
    """Shell: puts (-I) or takes away (-D) what lets everybody's TLS over IPv6 by before our rules see it."""
    return '; '.join(f'ip6tables -t {table} {verb} OUTPUT -p tcp --dport 443 -j ACCEPT' for table in ('filter', 'nat'))


# Until they are back, what is not redirected is reset: that is seen too, by whoever looks in that second.
MENDED = 'for i in $(seq 50); do iptables -t nat -S OUTPUT | grep -q -e --uid-owner && break; sleep 0.1; done'
RULES = (
    Fault('rules-flushed', 'capture.repairs', f'iptables -t nat -F OUTPUT; {MENDED}', ANOTHER_HELPER, ('removed our rules', 'IPv4 nat'),
          ('firewall.backend',)),
    # Else it would be whole again within a second.
    Fault('rules-partial', 'capture.redirect', 'mv /usr/sbin/ip6tables-restore /tmp/; ip6tables -t nat -F AGP_NAT',
          f'mv /tmp/ip6tables-restore /usr/sbin/; {ANOTHER_HELPER}', ('IPv6 partial', 'iptables'), ('systemctl restart antigravity-proxy',),
          NOT_CAPTURED),
    Fault('iptables-missing', 'machine.firewall', f'mkdir -p /tmp/sbin; mv {PROGRAMS} /tmp/sbin/', f'mv /tmp/sbin/* /usr/sbin/; {ANOTHER_HELPER}',
          ('iptables, which is not installed',), ('install the package iptables',), NOT_CAPTURED),
    # Rules of others that come before ours.
    Fault('quic-open', 'capture.quic', 'iptables -I OUTPUT -p udp --dport 443 -j ACCEPT', 'iptables -D OUTPUT -p udp --dport 443 -j ACCEPT',
          ('IPv4 not refused', 'IPv6 refused at once'), ('a rule of another program',)),
    Fault('not-redirected', 'capture.ipv6', accept_ipv6('-I'), accept_ipv6('-D'), ('is not measured', UPSTREAM_CA), ('capture.redirect',)),
)


class DoctorOfForeignRules(Faults):
    """Rules of iptables, which anybody may flush, or come before."""

    backend = 'iptables'

    def test_rules_of_others(self):
        # Nobody at QUIC's port would be a refusal, too.
        self.world.start_udp_sink()
        self.addCleanup(self.world.stop_udp_sink)
        self.world.start()
        self.each(RULES)
