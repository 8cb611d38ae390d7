"""What the installed service keeps apart: its key, its files, its limits, its ports."""

import re

from case import Case
from container import poll
from world import APT, BUNDLE, DAEMON, HELPER, MODEL_HOST, PROXY_YAML

CA = '/var/lib/antigravity-proxy/ca'
RUN = '/run/antigravity-proxy-helper'
API_SOCKET = '/run/antigravity-proxy/api.sock'
STORES = ('/etc/ssl', '/etc/ca-certificates', '/etc/ca-certificates.conf', '/usr/share/ca-certificates', '/usr/local/share/ca-certificates',
          '/etc/pki', '/home/dev/.pki', '/root/.pki', '/home/dev/.mozilla')

# Connects to both of our ports at each address.
TRY = '''
for to; do for port in 8741 8742; do
  said=$(timeout 10 bash -c "exec 3<> /dev/tcp/$to/$port" 2>&1) && how=reached || case $said in *refused*) how=refused;; *) how=$said;; esac
  echo "$to $port $how"
done; done
'''
INSIDE = 'inside.example.test'  # a name of the internet that leads here


class Boundaries(Case):
    def helper(self):
        """The process of the helper, which a call has woken."""
        self.box.run('busctl', 'call', 'org.antigravityproxy.Helper1', '/org/antigravityproxy/Helper1',
                     'org.antigravityproxy.Helper1', 'Status')
        pid = self.world.main_pid(HELPER)
        self.assertGreater(pid, 0, 'the helper does not run')
        return pid

    # threat-model 46
    def test_the_key_is_in_one_file_of_the_daemons(self):
        self.world.start()
        self.world.client('--count', '1')
        self.assertEqual(f'600 antigravity-proxy {CA}/ca.key\n700 antigravity-proxy {CA}\n',
                         self.box.run('stat', '-c', '%a %U %n', f'{CA}/ca.key', CA).out)
        # A line of it: whoever writes the key out writes this.
        line = self.box.run('sed', '-n', '2p', f'{CA}/ca.key').out.strip()
        self.assertGreater(len(line), 40)
        pids = [self.world.main_pid(DAEMON), self.helper()]
        places = {'the journal': self.box.run('journalctl', '-o', 'export', '--no-pager', timeout=120).out,
                  'the bundle': self.box.run('cat', BUNDLE).out,
                  'units': self.box.run("systemctl show 'antigravity*'").out}
        for pid in pids:
            for what in ('cmdline', 'environ'):
                places[f'{what} of {pid}'] = self.box.run('cat', f'/proc/{pid}/{what}').out
        for name, text in places.items():
            self.assertNotIn(line, text, name)
            self.assertNotIn('PRIVATE KEY', text, name)
        found = self.box.run(f"grep -r -l -a -F '{line}' /var/lib /var/cache /run /etc /tmp /var/tmp 2>/dev/null", check=False).out
        self.assertEqual(f'{CA}/ca.key\n', found)
        for user in ('dev', 'antigravity-ls'):
            self.assertNotEqual(0, self.box.run('cat', f'{CA}/ca.key', user=user, check=False).code, user)

    # threat-model 51
    def test_a_new_authority_takes_the_place_of_the_old_one(self):
        body = lambda: ''.join(self.box.run('cat', f'{CA}/ca.pem').out.split('-----')[2].split())
        bundle = lambda: ''.join(self.box.run('cat', BUNDLE).out.split())
        self.world.start()
        old = body()
        self.assertIn(old, bundle())
        self.world.stop()
        self.world.expire_ca()
        self.world.start()
        self.assertNotEqual(old, body())
        self.assertIn(body(), bundle())
        self.assertNotIn(old, bundle())
        self.world.client('--count', '1')
        self.assertCounted()

    # threat-model 49
    def test_trust_stores_are_the_same_after_install_run_and_purge(self):
        self.world.purge()
        self.box.run('mkdir -p /home/dev/.pki/nssdb /root/.pki/nssdb /home/dev/.mozilla/firefox/a.default; '
                     'for f in /home/dev/.pki/nssdb /root/.pki/nssdb /home/dev/.mozilla/firefox/a.default; do echo database > $f/cert9.db; done')
        self.addCleanup(self.box.run, 'rm -rf /home/dev/.pki /root/.pki /home/dev/.mozilla')
        stores = ' '.join(STORES)
        look = lambda: self.box.run(f"find {stores} -printf '%p %y %m %U %G %l %T@\\n' 2>/dev/null | sort; "
                                    f"find {stores} -type f -exec sha256sum {{}} + 2>/dev/null | sort", check=False).out
        before = look()
        self.assertIn('cert9.db', before)
        self.world.install()
        self.world.configure()
        self.world.start()
        self.world.client('--count', '1')
        self.assertEqual(before, look(), 'a running service changed them')
        self.world.purge()
        self.assertEqual(before, look(), 'the package changed them')

    # threat-model 43
    # threat-model 44
    def test_the_helper_can_write_in_run_in_its_own_directory_alone(self):
        self.world.start()
        pid = self.helper()
        # Its files and its capabilities: root's right to pass over modes is not among them.
        inside = lambda path: self.box.run('nsenter', f'--target={pid}', '--mount', '--', 'setpriv', '--bounding-set=-all',
                                           '--inh-caps=-all', 'touch', path, check=False)
        for folder in ('/run', '/run/systemd/system', '/run/systemd/transient', '/run/dbus', '/run/antigravity-proxy', '/etc',
                       '/etc/systemd/system', '/usr/lib', '/usr/lib/systemd/system', '/dev/shm', '/var/lib', '/root', '/home/dev'):
            with self.subTest(folder=folder):
                self.assertNotEqual(0, inside(f'{folder}/agp-written.service').code, folder)
                self.assertNotEqual(0, self.box.run('test', '-e', f'{folder}/agp-written.service', check=False).code)
        self.assertEqual(0, inside(f'{RUN}/agp-written').code)
        self.box.run('rm', f'{RUN}/agp-written')
        # What it wrote there itself, although openat2 fails in its unit (RestrictSUIDSGID=).
        self.assertEqual('yes', self.box.run('systemctl', 'show', '-P', 'RestrictSUIDSGID', HELPER).out.strip())
        self.assertEqual('644 root\n', self.box.run('stat', '-c', '%a %U', BUNDLE).out)

    def test_the_language_server_does_not_see_the_socket_of_the_api(self):
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()
        pid = self.box.run("systemctl show -P MainPID 'antigravity-ls-*.service'").out.strip()
        self.assertGreater(int(pid), 0)
        self.assertEqual(0, self.box.run('test', '-S', API_SOCKET, check=False).code)
        self.assertNotEqual(0, self.box.run('nsenter', f'--target={pid}', '--mount', '--', 'test', '-e', API_SOCKET, check=False).code)

    # threat-model 75
    def test_the_api_is_on_loopback_alone(self):
        self.world.start()
        listeners = [line.split()[3] for line in self.box.run('ss -Hltn').out.splitlines()]
        ours = sorted(each for each in listeners if each.endswith((':8741', ':8742')))
        self.assertEqual(['127.0.0.1:8741', '127.0.0.1:8742', '[::1]:8741', '[::1]:8742'], ours)
        # Every address of this machine, from here and from the one beside it, each by the device that leads there.
        addresses = {line.split()[3].partition('/')[0] for line in self.box.run('ip -o addr show dev up0').out.splitlines()}
        self.assertTrue({'203.0.113.1', '2001:db8:1::1'} < addresses, addresses)
        for device, enter in (('up0', ()), ('up1', ('ip', 'netns', 'exec', 'upstream'))):
            ends = [f'{address}%{device}' if address.startswith('fe80:') else address for address in sorted(addresses)]
            said = self.box.run(*enter, 'bash', '-c', TRY, 'try', *ends).out.splitlines()
            self.assertEqual([f'{end} {port} refused' for end in ends for port in (8741, 8742)], said)
        self.assertEqual(['127.0.0.1 8741 reached', '127.0.0.1 8742 refused'],  # a rule refuses who was not redirected
                         self.box.run('bash', '-c', TRY, 'try', '127.0.0.1').out.splitlines())

    # threat-model 57
    def test_nothing_of_ours_is_reached_through_the_proxy(self):
        self.world.configure(proxy=PROXY_YAML.format(mode='managed') + 'capture:\n  connect: ["127.0.0.1:8743"]\n')
        self.box.run(f'cp /etc/hosts /opt/hosts; echo 127.0.0.1 {INSIDE} >> /etc/hosts')
        self.addCleanup(self.box.run, 'cat /opt/hosts > /etc/hosts')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()
        pid = self.box.run("systemctl show -P MainPID 'antigravity-ls-*.service'").out.strip()
        ports = {line.split()[3].rpartition(':')[2] for line in self.box.run('ss -Hltnp').out.splitlines() if f'pid={pid},' in line}
        self.assertGreaterEqual(len(ports), 1)
        hosts = ('127.0.0.1', '127.0.0.2', 'localhost', INSIDE, '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '[::]', '203.0.113.1', '[2001:db8:1::1]')
        ends = [f'{host}:{port}' for host in hosts for port in sorted({'8741', '8742', '8743'} | ports)]
        ends += [f'{host}:443' for host in hosts[:8]]
        tunnel = lambda *urls: [line.split() for line in self.box.run(
            'curl', '-sS', '-k', '--proxytunnel', '--proxy', 'http://127.0.0.1:8743', '-m', '20', '-w', '%{http_connect} %{http_code}\n',
            *(part for url in urls for part in ('-o', '/dev/null', url)), check=False).out.splitlines()]
        self.assertEqual(['200'], [line[0] for line in tunnel(f'https://{MODEL_HOST}/')], 'it takes nobody anywhere')
        self.assertEqual([[end, '403', '000'] for end in ends],
                         [[end, *line] for end, line in zip(ends, tunnel(*(f'http://{end}/health' for end in ends)), strict=True)])

    # threat-model 77
    def test_idle_connections_to_the_api_do_not_stop_interception(self):
        self.world.start()
        self.box.unit('idle-callers', 'bash', '-c', 'for i in $(seq 1000); do exec {fd}<>/dev/tcp/127.0.0.1/8741 || exit 1; done; '
                                                    'touch /run/idle-callers; exec sleep infinity', properties=('LimitNOFILE=4096',))
        self.addCleanup(self.box.run, 'systemctl stop idle-callers; rm -f /run/idle-callers', check=False)
        poll(lambda: self.box.run('test', '-e', '/run/idle-callers', check=False).code == 0, 60, '1000 connections are up')
        report = self.world.client('--count', '4', '--parallel', '2')
        self.assertEqual({200}, {call['status'] for call in report['calls']})
        self.box.run('systemctl', 'stop', 'idle-callers')
        self.assertCounted()

    # threat-model 82
    def test_limits_that_need_no_controller_hold(self):
        self.world.start()
        limits = lambda pid: self.box.run('cat', f'/proc/{pid}/limits').out
        daemon, helper = limits(self.world.main_pid(DAEMON)), limits(self.helper())
        # A container may allow less than the unit asks for, never more.
        self.assertEqual('65536', self.box.run('systemctl', 'show', '-P', 'LimitNOFILE', DAEMON).out.strip())
        self.assertIn(int(re.search(r'Max open files +(\d+)', daemon).group(1)), range(1024, 65537))
        self.assertRegex(helper, r'Max processes +64 +64')
        for text in (daemon, helper):
            self.assertRegex(text, r'Max core file size +0 +0')

    # threat-model 82
    def test_the_kernel_keeps_the_memory_and_the_tasks(self):
        self.world.start()
        show = lambda unit, name: self.box.run('systemctl', 'show', '-P', name, unit).out.strip()
        if not show(DAEMON, 'MemoryCurrent').isdigit():
            self.skipTest('this container has no memory controller of cgroup v2')
        self.helper()
        for unit, memory, tasks in ((DAEMON, 768, 768), (HELPER, 96, 32)):
            group = f'/sys/fs/cgroup{show(unit, "ControlGroup")}'
            self.assertEqual(str(memory << 20), self.box.run('cat', f'{group}/memory.max').out.strip(), unit)
            self.assertEqual(str(tasks), self.box.run('cat', f'{group}/pids.max').out.strip(), unit)

    # threat-model 8
    def test_the_bus_policy_is_about_our_names_alone(self):
        names = ('org.freedesktop.DBus', 'org.freedesktop.systemd1', 'org.freedesktop.login1', 'org.freedesktop.PolicyKit1')
        calls = ('org.freedesktop.DBus.Peer Ping', 'org.freedesktop.DBus.Introspectable Introspect', 'org.freedesktop.DBus.Peer GetMachineId',
                 'org.freedesktop.systemd1.Manager Reload', 'org.freedesktop.login1.Manager CanReboot')

        def reach():
            said = {}
            for user in ('dev', 'nobody', 'antigravity-ls'):
                for name in names:
                    for call in calls:
                        answer = self.box.run('busctl', '--system', '--timeout=5', 'call', name, '/', *call.split(), user=user, check=False)
                        said[user, name, call] = (answer.code, answer.err)
            return said
        self.box.run(*APT, 'remove', 'antigravity-proxy', timeout=120)  # the accounts stay
        before = reach()
        self.world.install()
        self.assertEqual(before, reach())
        self.assertIn(0, {code for code, _ in before.values()}, 'nothing was reached at all')

    # threat-model 13
    def test_nothing_that_is_sent_to_the_api_reaches_the_helper(self):
        marker = 'agpmarker7'
        self.world.start()
        self.box.unit('bus-record', 'sh', '-c', 'exec busctl monitor --json=short org.antigravityproxy.Helper1 > /var/tmp/helper-calls.log')
        self.addCleanup(self.box.run, 'systemctl stop bus-record; rm -f /var/tmp/helper-calls.log', check=False)
        poll(lambda: self.box.run('busctl', 'status', 'org.antigravityproxy.Helper1', check=False) and
             self.box.run('systemctl', 'is-active', 'bus-record', check=False).code == 0, 10, 'the bus is recorded')
        for body in ({'model': marker, 'input': marker}, {'method': 'StartServer', 'path': f'/tmp/{marker}', 'uid': 0},
                     {'model': f'../{marker}', 'input': [{'role': marker, 'content': f'$({marker})'}]}, [marker], marker):
            for path in ('/v1/responses', '/v1/chat/completions', f'/v1/models/{marker}', f'/org/antigravityproxy/{marker}'):
                self.world.http(path, 'POST', body)
        self.world.http(f'/v1/usage?group_by=model&model={marker}')

        def is_recorded():  # a call of our own shows that the record is one
            self.helper()
            return 'Status' in self.box.run('cat', '/var/tmp/helper-calls.log').out
        poll(is_recorded, 10, 'the record has our own call')
        self.assertNotIn(marker, self.box.run('cat', '/var/tmp/helper-calls.log').out)

    # threat-model 87
    def test_a_fresh_install_is_usable_without_a_reboot(self):
        self.world.purge()
        self.box.run(*APT, 'install', '/opt/antigravity-proxy.deb', timeout=120)
        for account in ('antigravity-proxy', 'antigravity-ls'):
            self.assertIn('nologin', self.box.run('getent', 'passwd', account).out)
        # The bus has read the policy that names the account, and knows the helper's name.
        self.box.run('busctl', 'call', 'org.antigravityproxy.Helper1', '/org/antigravityproxy/Helper1',
                     'org.antigravityproxy.Helper1', 'Status', user='antigravity-proxy')
        self.world.configure()
        self.world.start()
        self.world.client('--count', '1')
        self.assertCounted()
