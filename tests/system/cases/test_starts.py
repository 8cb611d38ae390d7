"""Starts of the language server under a real service manager: what is run, how often, with what, and how its end is told."""

import json
import re

from case import Case
from container import poll
from world import DAEMON, DOUBLES, HELPER

UNITS = 'antigravity-ls-*.service'
OWN = '/opt/own/language_server'
FLAGS = r'\n'.join(f'  -{flag}' for flag in ('server_port', 'lsp_port', 'extension_server_port', 'csrf_token'))
LISTS_FLAGS = f"[ $# = 1 ] && printf '{FLAGS}\\n' && exit 0"
STARTS = '/var/lib/antigravity-ls/starts'
STATUS_CALL = ('busctl', '--json=short', 'call', 'org.antigravityproxy.Helper1', '/org/antigravityproxy/Helper1',
               'org.antigravityproxy.Helper1', 'Status')


class Starts(Case):
    def install(self, script=None, path=OWN, shell='/bin/sh'):
        """A language server of our own, which alone may be started: a shell script, or the double."""
        folder, _, name = path.rpartition('/')
        self.addCleanup(self.box.run, f"rm -rf {'/'.join(path.split('/')[:3])!r} {STARTS}")
        if script is None:
            self.box.run('sh', '-c', 'mkdir -p "$1" && cp "$2" "$1/$3"', 'sh', folder, f'{DOUBLES}/fake-language-server', name)
        else:
            self.box.write(path, f'#!{shell}\n{script}\n', 0o755)
        self.world.configure(mode='managed', helper=f"language_server:\n  binaries:\n    - '{path}'\n")

    def begin(self):
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()

    def main_pid(self):
        return self.box.run(f"systemctl show -P MainPID '{UNITS}'").out.strip()

    # threat-model 24
    def test_signs_of_variables_and_specifiers_arrive_as_they_are(self):
        path = '/opt/signs/$HOME/${USER}/$$/%i/%%/language_server'
        self.install(path=path)
        self.begin()
        self.world.wait_language_server()
        self.assertEqual(path, self.box.run(f"tr '\\0' '\\n' < /proc/{self.main_pid()}/cmdline").out.splitlines()[0])

    # threat-model 26
    def test_an_exit_right_after_the_start_is_told_as_it_was(self):
        self.assertToldAs('exit-code', '7', 'exit 7')

    # threat-model 26
    def test_a_signal_right_after_the_start_is_told_as_it_was(self):
        self.assertToldAs('signal', '9', 'kill -KILL $$')

    def assertToldAs(self, result, status, last):
        self.install(f'{LISTS_FLAGS}\n{last}')
        self.begin()
        self.assertEqual({(result, status)}, set(poll(self.ends, 60, 'the end is told')))

    def ends(self):
        return re.findall(r'^language server ended .*RESULT=(\S+) STATUS=(\S+)', self.world.journal(HELPER), re.MULTILINE)

    # threat-model 26
    def test_one_that_cannot_be_run_is_told_as_such(self):
        """It lists its flags and runs once; then what would run it is gone, and it is the same file."""
        shell = f'{OWN}.shell'
        self.install(f'{LISTS_FLAGS}\nexit 7', shell=shell)
        self.box.run('cp', '--dereference', '/bin/sh', shell)
        self.begin()
        self.assertEqual(('exit-code', '7'), poll(self.ends, 60, 'it has run')[0])
        self.box.run('rm', shell)
        poll(lambda: 'could not be executed (203)' in self.world.status().text, 60, 'that it cannot be run is said')

    def starts(self):
        return self.box.run('cat', STARTS, check=False).out.splitlines()

    def assertEachStartIsTheHelpers(self, at_least):
        """So many starts, each asked for by the daemon and with an input of its own."""
        self.world.wait_language_server(60)
        asked = lambda: self.world.journal(HELPER).count('language server started')
        poll(lambda: len(self.starts()) == asked(), 30, f'{len(self.starts())} starts, {asked()} were asked for')
        self.assertGreaterEqual(len(self.starts()), at_least)
        for start in self.starts():
            self.assertRegex(start, r'^(pipe:|/memfd:)')

    # threat-model 27
    def test_however_the_daemon_ends_each_start_has_its_input(self):
        self.install(f'[ $# = 1 ] || readlink /proc/self/fd/0 >> {STARTS}\nexec {DOUBLES}/fake-language-server "$@"')
        self.begin()
        self.assertEachStartIsTheHelpers(1)
        self.world.stop()
        self.assertEqual('', self.box.run(f"systemctl list-units --plain --no-legend '{UNITS}'").out)
        self.world.start()
        self.assertEachStartIsTheHelpers(2)
        self.box.run('systemctl', 'restart', DAEMON, timeout=100)
        self.assertEachStartIsTheHelpers(3)
        self.replaced('-KILL')
        self.assertEachStartIsTheHelpers(4)
        self.box.write('/run/systemd/system/antigravity-proxy.service.d/watchdog.conf', '[Service]\nWatchdogSec=2\n')
        self.box.run('systemctl', 'daemon-reload')
        self.box.run('systemctl', 'restart', DAEMON, timeout=100)
        self.assertEachStartIsTheHelpers(5)
        self.replaced('-STOP')
        self.assertEachStartIsTheHelpers(6)

    def replaced(self, signal):
        before = self.world.main_pid(DAEMON)
        self.box.run('kill', signal, str(before))
        poll(lambda: self.world.main_pid(DAEMON) not in (0, before), 60, 'another daemon runs')

    # threat-model 28
    def test_units_of_such_a_name_that_somebody_left_are_no_obstacle(self):
        running, failed = (f'antigravity-ls-{digit * 32}.service' for digit in 'ab')
        self.addCleanup(self.box.run, f'systemctl stop {running}; systemctl reset-failed', check=False)
        self.box.run('systemd-run', '--quiet', f'--unit={running}', 'sleep', 'infinity')
        self.box.run('systemd-run', '--quiet', f'--unit={failed}', 'false')
        poll(lambda: self.box.run('systemctl', 'is-failed', failed, check=False).out.strip() == 'failed', 10, 'one has failed')
        self.install()
        self.begin()
        self.world.wait_language_server()
        poll(lambda: self.box.run('systemctl', 'is-active', running, check=False).out.strip() != 'active', 30,
             'what a predecessor left running is stopped')

    # threat-model 20
    def test_what_others_could_have_changed_is_not_usable(self):
        self.install()
        self.world.start()
        folder = OWN.rpartition('/')[0]
        self.assertEqual((True, ''), self.judged())
        for change, undo in ((f'chmod g+w {OWN}', f'chmod g-w {OWN}'),
                             (f'chmod o+w {OWN}', f'chmod o-w {OWN}'),
                             (f'chown dev {OWN}', f'chown root {OWN}'),
                             (f'chmod g+w {folder}', f'chmod g-w {folder}'),
                             (f'chown dev {folder}', f'chown root {folder}'),
                             (f'mv {OWN} {OWN}.1; ln -s {OWN}.1 {OWN}', f'mv {OWN}.1 {OWN}'),
                             (f'mv {folder} {folder}.1; ln -s {folder}.1 {folder}', f'rm {folder}; mv {folder}.1 {folder}'),
                             (f'mv {OWN} {OWN}.1; mkfifo {OWN}', f'mv {OWN}.1 {OWN}'),
                             (f'mv {OWN} {OWN}.1; mkdir {OWN}', f'rmdir {OWN}; mv {OWN}.1 {OWN}'),
                             (f'chmod a-x {OWN}', f'chmod a+x {OWN}')):
            with self.subTest(change=change):
                self.box.run(change)
                usable, why = self.judged()
                self.assertFalse(usable)
                self.assertGreater(len(why), 10)
                self.box.run(undo)
        self.assertEqual((True, ''), self.judged())

    # threat-model 20
    def test_one_that_was_replaced_after_it_ran_is_not_started_again(self):
        self.install()
        self.begin()
        self.world.wait_language_server()
        self.box.run(f'cp {OWN} {OWN}.1; chown dev {OWN}.1; mv {OWN}.1 {OWN}')
        self.box.run('kill', '-KILL', self.main_pid())
        poll(lambda: 'does not belong to root' in self.world.status().text, 30, 'the reason is said')
        self.assertEqual('', self.box.run(f"systemctl list-units --plain --no-legend --state=active '{UNITS}'").out)

    def judged(self):
        """(usable, why not) of our own, as the helper says it."""
        status = json.loads(self.box.run(*STATUS_CALL).out)['data'][0]
        return next((usable, why) for _, path, usable, why in status['binaries']['data'] if path == OWN)
