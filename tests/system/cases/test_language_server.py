"""The daemon's own language server: started, watched, stopped and driven by those who may."""

import json

from case import Case
from container import poll

UNITS = 'antigravity-ls-*.service'
START_SECRETS = '/run/antigravity-proxy-helper/start.env'


class LanguageServer(Case):
    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def pids(self):
        return self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls', check=False).out.split()

    def arguments(self):
        return self.box.run(f"tr '\\0' '\\n' < /proc/{self.pids()[0]}/cmdline").out.splitlines()

    def ls(self, verb, user=None):
        return self.box.run('antigravity-proxy', 'ls', verb, '--json', user=user, check=False, timeout=120)

    def report(self):
        return json.loads(self.ls('status').out)['language_server']

    def test_its_flags_are_those_it_knows(self):
        argv = self.arguments()
        self.assertIn('--server_port', argv)
        self.assertIn('--extension_server_port', argv)
        for never in ('--https_server_port', '--extension_server_csrf_token', '--persistent_mode', '--standalone',
                      '--random_port'):
            self.assertNotIn(never, argv)

    # threat-model 25
    def test_nobody_sees_its_tokens_in_the_unit(self):
        argv = self.arguments()
        token = argv[argv.index('--csrf_token') + 1]
        self.assertGreater(len(token), 8)
        for command in (f"systemctl show '{UNITS}'", f"systemctl cat '{UNITS}'",
                        'cat /run/systemd/transient/antigravity-ls-*'):
            shown = self.box.run(command, user='dev', check=False)
            self.assertNotIn(token, shown.text)
        self.assertIn('AGP_CSRF_TOKEN', self.box.run(f"systemctl show -P ExecStart '{UNITS}'", user='dev').out)
        self.assertNotIn(token, self.world.journal())
        self.assertNotEqual(0, self.box.run('test', '-e', START_SECRETS, check=False).code)

    def test_stop_keeps_it_stopped_until_start(self):
        stopped = self.ls('stop')
        self.assertEqual(0, stopped.code, stopped.text)
        self.assertEqual([], self.pids())
        status = self.ls('status')
        self.assertEqual(3, status.code, status.text)
        self.assertTrue(self.report()['stopped_on_request'])
        self.said_by_status_of_stop()
        started = self.ls('start')
        self.assertEqual(0, started.code, started.text)
        self.assertEqual(1, len(self.pids()))

    def said_by_status_of_stop(self):
        status = self.world.status()
        self.assertSays(status.text, 'stopped on request', 'antigravity-proxy ls start')
        self.assertEqual(0, status.code, status)
        document = self.world.status_document()
        self.assertEqual('waiting', document['state'], document['problems'])
        self.assertEqual([('language-server-stopped', 'waiting')],
                         [(each['code'], each['severity']) for each in document['problems']])

    def test_a_restart_of_the_service_ends_the_stop(self):
        self.assertEqual(0, self.ls('stop').code)
        self.world.stop()
        self.world.start()
        self.world.wait_language_server()

    def test_its_user_may_restart_it_and_another_may_not(self):
        before = self.pids()
        done = self.ls('restart', user='dev')
        self.assertEqual(0, done.code, done.text)
        self.assertNotEqual(before, self.pids())
        refused = self.ls('stop', user='nobody')
        self.assertEqual(77, refused.code, refused.text)
        self.assertEqual(1, len(self.pids()))

    def test_a_crash_is_named_and_mended(self):
        before = self.pids()
        self.box.run('kill', '-KILL', before[0])
        poll(lambda: self.pids() not in ([], before) and self.report()['usable'], 40, 'another one runs')
        self.assertEqual(('signal', 9), (self.report()['last_exit']['result'], self.report()['last_exit']['status']))
