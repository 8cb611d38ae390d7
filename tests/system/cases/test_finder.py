"""The finder: the one process that sees processes of others, on behalf of a daemon that does not."""

from case import Case
from container import poll
from world import DAEMON

FINDER = 'antigravity-proxy-finder.service'
SOCKET = '/run/antigravity-proxy/finder.sock'


class Finder(Case):
    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.wait_ide()
        self.world.start()
        self.world.wait_language_server()

    def is_asked(self):
        """Whether a question waits to be accepted."""
        listening = self.box.run('ss', '-Hxln').out.splitlines()
        return any(SOCKET in line and int(line.split()[2]) > 0 for line in listening)

    def reason(self):
        return self.world.status().text

    # threat-model 93
    def test_it_runs_as_nobody_of_ours_and_the_daemon_sees_no_process_of_others(self):
        pid = self.world.main_pid(FINDER)
        self.assertGreater(pid, 0)
        uid = self.box.run('ps', '-o', 'uid=', '-p', str(pid)).out.strip()
        known = {self.box.run('id', '-u', name).out.strip() for name in ('root', 'dev', 'antigravity-proxy', 'antigravity-ls')}
        self.assertNotIn(uid, known)
        daemon = self.world.main_pid(DAEMON)
        ide = self.box.run('pgrep', '-o', '-u', 'dev', 'fake-ide').out.strip()
        account = self.box.run('id', '-u', 'antigravity-proxy').out.strip()
        seen = self.box.run('nsenter', '-t', str(daemon), '-m', 'setpriv', f'--reuid={account}',
                            f'--regid={account}', '--clear-groups', 'ls', '/proc').out
        self.assertIn('self', seen.split())
        self.assertNotIn(ide, seen.split())
        self.assertNotIn('sys', seen.split())
        home = self.box.run('nsenter', '-t', str(daemon), '-m', 'ls', '/home', check=False)
        self.assertNotIn('dev', home.out.split())

    # threat-model 93
    def test_it_has_no_network(self):
        pid = self.world.main_pid(FINDER)
        shown = self.box.run('nsenter', '-t', str(pid), '-n', 'ip', '-o', 'link').out.splitlines()
        self.assertEqual([], [line for line in shown if ' lo:' not in line and 'state DOWN' not in line])
        self.assertEqual('', self.box.run('nsenter', '-t', str(pid), '-n', 'ip', 'route').out.strip())

    # threat-model 94
    def test_only_the_daemon_may_ask_it(self):
        self.assertEqual('600 antigravity-proxy', self.box.run('stat', '-c', '%a %U', SOCKET).out.strip())
        for user in ('dev', 'antigravity-ls', 'nobody'):
            asked = self.box.run('perl', '-MIO::Socket::UNIX', '-e',
                                 f'IO::Socket::UNIX->new(Peer => "{SOCKET}") or die "$!\\n"', user=user, check=False)
            self.assertNotEqual(0, asked.code, user)
            self.assertIn('Permission denied', asked.text)

    def test_the_users_of_local_connections_are_told_apart(self):
        answers = {user: self.world.http('/v1/usage', user=user) for user in ('root', 'dev')}
        self.assertEqual({'root': 200, 'dev': 200}, {user: status for user, (status, _) in answers.items()})
        # Behind the account of no number there is nobody; the daemon has its number from systemd.
        self.assertEqual(401, self.world.http('/v1/usage', user='nobody')[0])

    def test_killed_while_it_is_asked_it_is_there_for_the_next_question(self):
        before = self.world.main_pid(FINDER)
        for _ in range(3):
            pid = self.world.main_pid(FINDER)
            # Stopped, it lets the question wait.
            self.box.run('kill', '-STOP', str(pid))
            poll(self.is_asked, 20, 'it is asked')
            self.box.run('kill', '-KILL', str(pid))
            poll(lambda: self.world.main_pid(FINDER) not in (0, pid), 20, 'there is another one')
        self.assertNotEqual(before, self.world.main_pid(FINDER))
        self.assertEqual('running', self.world.status_document()['language_server']['state'])
        # And it looks: the IDE that goes and comes back is noticed.
        self.world.stop_ide()
        poll(lambda: self.world.status_document()['language_server']['state'] != 'running', 40, 'the IDE has gone')
        self.world.start_ide()
        self.world.wait_language_server()

    def test_one_that_does_not_answer_is_told_and_nothing_else_suffers(self):
        pid = self.world.main_pid(FINDER)
        self.box.run('kill', '-STOP', str(pid))
        self.addCleanup(self.box.run, 'kill', '-CONT', str(pid), check=False)
        poll(lambda: 'antigravity-proxy-finder does not answer' in self.reason(), 40, 'the status says so')
        self.assertEqual('running', self.world.status_document()['language_server']['state'])
        self.assertEqual(200, self.world.http('/v1/usage', timeout=2)[0])
        self.box.run('kill', '-CONT', str(pid))
        poll(lambda: 'antigravity-proxy-finder' not in self.reason(), 40, 'the problem is over')

    def test_nothing_of_it_is_left_after_a_stop(self):
        self.world.stop()
        self.assertNothingLeft()
        self.assertEqual(0, self.world.main_pid(FINDER))
        self.assertNotEqual(0, self.box.run('test', '-e', '/run/antigravity-proxy', check=False).code)
        self.world.start()
        self.world.wait_language_server()
