"""Who may do what, as the bus and polkit of the release decide it."""

from case import Case
from container import poll
from world import HELPER

CALL = 'dbus-send --system --print-reply --reply-timeout=60000 --dest=org.antigravityproxy.{0} /org/antigravityproxy/{0} org.antigravityproxy.{0}.'
HELPER_CALL, DAEMON_CALL = CALL.format('Helper1'), CALL.format('Daemon1')
ID = '0123456789abcdef' * 2
CA = '/var/lib/antigravity-proxy/ca/ca.pem'
# What the daemon asks of the helper; its starts of language servers hand over descriptors, and are made by itself in other cases.
DAEMONS = {'EnsureRedirect': '', 'EnsureTrustBundle': f'string:"$(cat {CA})"', 'Status': '', 'IdePatchStatus': '',
           'StopLanguageServer': f'string:{ID}', 'RemoveRedirect': ''}
ADMINISTRATORS = {'ApplyIdePatch': '', 'RevertIdePatch': 'boolean:false'}
OTHERS = {**ADMINISTRATORS, 'CaptureScope': f'string:{ID} uint32:0'}
BY_THE_BUS = 'DBus.Error.AccessDenied: Rejected send message'
RULES = '/etc/polkit-1/rules.d/10-test.rules'
SCRIPT, SAID = '/opt/authorization', '/opt/authorization.txt'
DAEMONS_UNIT, ANOTHER_UNIT = 'antigravity-proxy', 'something-else'
BOSS = '/tmp/agp-boss'
PASSWORD = 'not-a-secret-7'
ASKS_TWICE = '''#!/usr/bin/python3
import dbus
daemon = dbus.SystemBus().get_object('org.antigravityproxy.Daemon1', '/org/antigravityproxy/Daemon1', introspect=False)
for _ in range(2):
    daemon.ReloadPolicy(dbus_interface='org.antigravityproxy.Daemon1', timeout=60)
print('asked twice')
'''


class Authorization(Case):
    def setUp(self):
        super().setUp()
        self.world.start()  # makes the certificate

    def as_daemon(self, calls, unit=DAEMONS_UNIT, no_new_privileges='yes'):
        """What the helper says to each, asked under the daemon's account from a unit of that name."""
        self.world.stop()
        lines = [f'echo "{method}: $({HELPER_CALL}{method} {values} 2>&1 | tr "\\n" " ")"' for method, values in calls.items()]
        self.box.write(SCRIPT, '\n'.join(['#!/bin/sh', *lines, '']), 0o755)
        path = f'/run/systemd/system/{unit}.service'
        self.box.write(path, f'[Service]\nType=oneshot\nUser=antigravity-proxy\nNoNewPrivileges={no_new_privileges}\n'
                             f'ExecStart={SCRIPT}\nStandardOutput=truncate:{SAID}\n')
        try:
            self.box.run('systemctl', 'daemon-reload')
            self.box.run('systemctl', 'start', unit, timeout=120)
            said = dict(line.split(': ', 1) for line in self.box.run('cat', SAID).out.splitlines() if ': ' in line)
        finally:
            self.box.run(f'rm -f {path} {SCRIPT} {SAID}; systemctl daemon-reload; systemctl stop {HELPER}')
        self.assertEqual(set(calls), set(said), said)
        return said

    def decide(self, verdict):
        """An administrator's rule about all our actions."""
        self.addCleanup(self.box.run, f'rm -f {RULES}; systemctl restart polkit')
        self.box.write(RULES, 'polkit.addRule(function (action, subject) {\n    if (action.id.indexOf("org.antigravityproxy.") === 0) {\n'
                              f'        return polkit.Result.{verdict};\n    }}\n}});\n')
        self.box.run('systemctl', 'restart', 'polkit')

    def polkit_knows_units(self):
        return int(self.box.run('pkaction', '--version').out.split()[-1].removeprefix('0.')) >= 126

    # threat-model 2
    def test_the_daemon_gets_what_it_needs_and_nothing_of_an_administrators(self):
        for method, said in self.as_daemon(DAEMONS).items():
            with self.subTest(method=method):
                self.assertTrue(said.startswith('method return'), said)
        for method, said in self.as_daemon(OTHERS).items():
            with self.subTest(method=method):
                self.assertIn(BY_THE_BUS, said)
        self.assertEqual([], self.world.rules())

    # threat-model 7
    def test_the_account_alone_is_not_enough_where_polkit_knows_units(self):
        if not self.polkit_knows_units():
            self.skipTest('this polkit does not say which unit is asking')
        for unit, no_new_privileges in ((ANOTHER_UNIT, 'yes'), (DAEMONS_UNIT, 'no')):
            for method, said in self.as_daemon(DAEMONS, unit, no_new_privileges).items():
                with self.subTest(unit=unit, method=method):
                    self.assertIn('polkit would have to ask', said)
        self.assertEqual([], self.world.rules())

    # threat-model 12
    def test_the_installed_helper_asks_polkit_for_everything(self):
        self.decide('NO')
        for method, said in self.as_daemon(DAEMONS).items():
            with self.subTest(method=method):
                self.assertIn('polkit does not allow it', said)
        self.assertEqual([], self.world.rules())

    # threat-model 6
    def test_with_every_action_open_an_ordinary_user_gets_no_power_over_others(self):
        self.decide('YES')
        look = lambda: (self.world.rules(), self.box.run(
            'find /etc /usr /opt /root /run/systemd/system /run/systemd/transient /var/lib/antigravity-proxy/ca '
            "/run/antigravity-proxy-helper -printf '%p %y %m %U %G %s\\n' | sort; "
            "systemctl list-units --all --plain --no-legend 'antigravity*.service' | awk '{print $1, $3}'").out)
        self.box.run(f'{HELPER_CALL}Status')  # woken, so that it is among the units
        before = look()
        for method, values in {**DAEMONS, **ADMINISTRATORS}.items():
            with self.subTest(method=method):
                said = self.box.run(f'{HELPER_CALL}{method} {values}', user='dev', check=False)
                self.assertIn(BY_THE_BUS, said.text)
        for user, answer in ((0, 'only root may capture'), (self.box.run('id -u dev').out.strip(), 'no such scope')):
            said = self.box.run(f'{HELPER_CALL}CaptureScope string:{ID} uint32:{user}', user='dev', check=False)
            self.assertIn(answer, said.text)
        opened = self.box.run(f'{DAEMON_CALL}ReloadPolicy', user='dev', check=False)
        self.assertEqual(0, opened.code, opened.text)  # the one it opened
        self.assertEqual(before, look())


class Agent(Case):
    """A person with a password: an administrator in a session, with polkit's own agent for terminals."""

    def setUp(self):
        super().setUp()
        self.world.start()
        self.addCleanup(self.box.run, f'systemctl stop boss-session boss-agent; userdel -rf boss; rm -f {BOSS}.*; systemctl restart polkit',
                        check=False)
        self.box.run(f'useradd --create-home --shell /bin/bash --groups sudo boss; echo boss:{PASSWORD} | chpasswd; '
                     f'for f in session go ready tty; do mkfifo -m 666 {BOSS}.$f; done')
        self.box.unit('boss-session', 'bash', '-c',
                      f'exec 9<> {BOSS}.session; touch {BOSS}.there; while read -r line <&9; do eval "$line"; done',
                      properties=('User=boss', 'PAMName=login'))
        poll(lambda: self.box.run('test', '-e', f'{BOSS}.there', check=False).code == 0, 30, 'the session is there')
        self.assertIn('boss', self.box.run('loginctl', '--no-legend', 'list-sessions').out)

    def begin(self, command=f'{DAEMON_CALL}ReloadPolicy'):
        """A process in the session that is about to ask; its number."""
        self.box.run(f'rm -f {BOSS}.pid {BOSS}.code')
        self.tell(f'( echo $BASHPID > {BOSS}.new && mv {BOSS}.new {BOSS}.pid; read -r _ < {BOSS}.go; '
                  f'exec {command} ) > {BOSS}.out 2>&1; echo $? > {BOSS}.code')
        poll(lambda: self.box.run('test', '-s', f'{BOSS}.pid', check=False).code == 0, 20, 'a caller is there')
        return self.box.run('cat', f'{BOSS}.pid').out.strip()

    def tell(self, line):
        self.box.run(f'cat > {BOSS}.session', stdin=line + '\n')

    def ended(self):
        """(exit code, text) of the process that asked."""
        poll(lambda: self.box.run('test', '-s', f'{BOSS}.code', check=False).code == 0, 60, 'the caller has its answer')
        return int(self.box.run('cat', f'{BOSS}.code').out), self.box.run('cat', f'{BOSS}.out').out

    def ask(self):
        self.begin()
        self.box.run(f'echo go > {BOSS}.go')
        return self.ended()

    def ask_with_password(self, password, *command):
        pid = self.begin(*command)
        self.box.unit('boss-agent', 'sh', '-c',
                      f'exec 9<> {BOSS}.tty; exec script -qefc "pkttyagent --process {pid} --notify-fd 3 3> {BOSS}.ready" {BOSS}.said <&9',
                      properties=('User=boss',))
        self.box.run('cat', f'{BOSS}.ready')  # its end: polkit knows the agent
        self.box.run(f'echo go > {BOSS}.go')
        poll(lambda: 'Password:' in self.box.run('cat', f'{BOSS}.said', check=False).out, 30, 'the agent asks')
        self.box.run(f'cat > {BOSS}.tty', stdin=password + '\n')
        answer = self.ended()
        self.box.run('systemctl', 'stop', 'boss-agent', check=False)
        return answer

    # threat-model 3
    def test_a_password_is_asked_for_and_a_wrong_one_is_a_no(self):
        code, said = self.ask()
        self.assertEqual(1, code, said)
        self.assertIn('polkit would have to ask', said)
        code, said = self.ask_with_password('wrong')
        self.assertEqual(1, code, said)
        self.assertIn('polkit does not allow it', said)
        self.assertEqual(1, self.ask()[0], 'a wrong password is remembered as a right one')
        # polkit keeps it for the process that asked: one that asks twice is asked once.
        self.box.write(SCRIPT, ASKS_TWICE, 0o755)
        self.addCleanup(self.box.run, f'rm {SCRIPT}')
        code, said = self.ask_with_password(PASSWORD, SCRIPT)
        self.assertEqual((0, 'asked twice\n'), (code, said))
        self.assertEqual(1, self.box.run('cat', f'{BOSS}.said').out.count('Password:'))
