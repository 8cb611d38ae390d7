"""`antigravity-proxy run -- CMD`: the command is metered, its neighbours are not, and it ends with the command."""

import json
import re

from case import Case
from container import poll
from observer import PROBER, Observer, outcomes
from world import DAEMON, DOUBLES, HELPER, MODEL_HOST, SIGN_IN_HOST, UPSTREAM4, UPSTREAM6, UPSTREAM_CA

CLIENT = f'{DOUBLES}/fake-client'
HELPER_CALL = ('busctl', 'call', 'org.antigravityproxy.Helper1', '/org/antigravityproxy/Helper1',
               'org.antigravityproxy.Helper1')


class Run(Case):
    def setUp(self):
        super().setUp()
        self.box.run('for user in dev guest; do id $user > /dev/null 2>&1 || useradd --create-home --shell /bin/bash $user; done')
        self.world.begin_session('dev', 'guest')
        self.box.run('rm -f /tmp/agp-run-*')

    def uid(self, user):
        return int(self.box.run('id', '-u', user).out)

    def run_as(self, user, *command, options=(), check=True):
        return self.box.run('antigravity-proxy', 'run', *options, '--', *command, user=user, check=check)

    def call(self, user, *arguments, check=True):
        """The client in a scope of its own; its report."""
        return json.loads(self.run_as(user, CLIENT, *arguments, check=check).out)

    def issuers(self, report):
        return {call['certificate']['issuer_cn'] for call in report['calls']}

    def usage_by_uid(self, calls):
        self.world.wait_usage(calls)
        groups = self.world.http('/v1/usage?group_by=uid')[1]['groups']
        return {int(group['key']['uid']): group['calls'] for group in groups}

    def scope_rules(self):
        """Those that look at a cgroup, whoever holds them."""
        return [rule for rule in self.world.rules() if '--path' in rule or 'socket cgroupv2' in rule]

    def captured_users(self):
        """Whose commands are captured by the rules."""
        found = [re.search(r'(?:--uid-owner|meta skuid) (\d+)', rule) for rule in self.scope_rules()]
        return {int(match.group(1)) for match in found}

    def assertNoScopeRules(self):
        poll(lambda: not self.scope_rules(), 30, 'the rules of the scope are gone')

    def hold(self, name, script='', user='dev', wait=True):
        """A shell in a scope that runs `script` and stays until let_go(name)."""
        fifo = f'/tmp/agp-run-{name}'
        self.box.run(f'mkfifo -m 666 {fifo}.in; touch {fifo}.out; chmod 666 {fifo}.out')
        held = self.box.start('antigravity-proxy', 'run', '--', 'bash', '-c',
                              # Open both ways, so that no line falls between two readers.
                              f'{script}\nexec 9<> {fifo}.in; echo held > {fifo}.out; while read -r line <&9; do eval "$line"; done',
                              user=user)
        if wait:
            def there():
                if held.poll() is not None:
                    raise AssertionError(held.communicate())
                return self.box.run(f'cat {fifo}.out').out.strip() == 'held'
            poll(there, 30, f'{name} runs in its scope')
        return held

    def tell(self, name, line):
        self.box.run(f'echo {line!r} > /tmp/agp-run-{name}.in')

    def let_go(self, name, held):
        self.tell(name, 'exit 0')
        return held.wait(30)

    def test_a_command_is_metered_in_both_families_and_the_same_beside_it_is_not(self):
        self.world.start()
        before = self.world.client('--tag', 'other-user', '--count', '2', user='dev')
        held = self.hold('other')  # while something of the same user is captured
        calls = 0
        for network in ('tcp4', 'tcp6'):
            report = self.call('dev', '--network', network, '--count', '3', '--parallel', '3')
            self.assertNotIn(UPSTREAM_CA, self.issuers(report))
            beside = self.world.client('--tag', 'other-user', '--network', network, '--count', '2', user='dev')
            self.assertEqual({UPSTREAM_CA}, self.issuers(before) | self.issuers(beside))
            calls += 3
        # A child that has left its parent and session is still the command's.
        self.run_as('dev', 'sh', '-c', f'setsid {CLIENT} > /dev/null & wait')
        calls += 1
        self.let_go('other', held)
        self.assertEqual({self.uid('dev'): calls}, self.usage_by_uid(calls))
        truth = self.world.truth_of_language_server()['totals']
        usage = self.world.usage_http()['totals']
        self.assertEqual([truth[k] for k in ('calls', 'input_total', 'output_total')],
                         [usage[k] for k in ('calls', 'input_total', 'output_total')])
        self.assertNoScopeRules()

    def test_curl_trusts_it_and_other_hosts_are_not_opened(self):
        self.world.start()
        issuer = "curl -sv -o /dev/null https://{} 2>&1 | grep -i 'issuer:'"
        self.assertNotIn(UPSTREAM_CA, self.run_as('dev', 'sh', '-c', issuer.format(MODEL_HOST)).out)
        self.assertIn(UPSTREAM_CA, self.run_as('dev', 'sh', '-c', issuer.format(SIGN_IN_HOST)).out)

    def test_quic_of_the_command_is_rejected_and_nobody_elses(self):
        self.world.start()
        self.world.start_udp_sink()
        self.addCleanup(self.world.stop_udp_sink)
        # What is rejected is an error of the first write or of the second; the sink takes the rest in silence.
        send = 'exec 3<>/dev/udp/{}/443 && echo x >&3 && echo y >&3 && echo sent || echo rejected'
        held = self.hold('quic')
        for address in (UPSTREAM4, UPSTREAM6):
            beside = self.box.run('bash', '-c', send.format(address), user='dev', check=False)
            self.assertEqual('sent', beside.out.strip(), beside)
            answer = f'/tmp/agp-run-quic.{"6" if ":" in address else "4"}'
            self.tell('quic', f'({send.format(address)}) > {answer} 2> /dev/null')
            poll(lambda: self.box.run(f'cat {answer}', check=False).out.strip(), 10, 'it has written')
            self.assertEqual('rejected', self.box.run(f'cat {answer}').out.strip())
        self.let_go('quic', held)

    # threat-model 33
    def test_nothing_of_the_command_goes_past_it(self):
        """Probes of an observer that knows nothing of the product, from inside the scope and from beside it."""
        observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        observer.install()
        self.world.start_udp_sink()
        self.addCleanup(self.world.stop_udp_sink)
        without = observer.probe('dev')
        self.assertEqual({'direct'}, set(without.values()))
        self.world.start()
        held = self.hold('probed')
        self.tell('probed', f'{PROBER} once {UPSTREAM4} {UPSTREAM6} > /tmp/agp-run-probed.seen && touch /tmp/agp-run-probed.done')
        poll(lambda: self.box.run('test -e /tmp/agp-run-probed.done', check=False).code == 0, 30, 'it has been probed')
        self.assertEqual({f'tcp {UPSTREAM4}': 'metered', f'tcp {UPSTREAM6}': 'metered',
                          f'udp {UPSTREAM4}': 'refused', f'udp {UPSTREAM6}': 'refused'},
                         outcomes(self.box.run('cat /tmp/agp-run-probed.seen').out))
        self.assertEqual(without, observer.probe('dev'))
        self.assertEqual(without, observer.probe('guest'))
        self.let_go('probed', held)

    def test_it_is_the_command_itself_pid_code_signal_and_input(self):
        self.world.start()
        both = self.box.run('sh', '-c', 'echo $$; exec antigravity-proxy run -- sh -c \'echo $$\'', user='dev').out.split()
        self.assertEqual(both[0], both[1])
        self.assertEqual(7, self.run_as('dev', 'sh', '-c', 'exit 7', check=False).code)
        shell = 'antigravity-proxy run -- sh -c "kill -TERM \\$\\$"; echo "code $?"'
        self.assertIn('code 143', self.box.run('bash', '-c', shell, user='dev').out)
        self.assertEqual('in', self.box.run('antigravity-proxy', 'run', 'cat', user='dev', stdin='in').out)
        self.assertEqual(127, self.run_as('dev', '/no/such/program', check=False).code)
        self.assertEqual(126, self.run_as('dev', '/etc/passwd', check=False).code)
        self.assertNoScopeRules()

    def test_two_users_and_several_commands_at_once(self):
        self.world.start()
        held = [self.hold('a', user='dev'), self.hold('b', user='guest')]
        report = self.call('dev', '--count', '2')
        self.assertNotIn(UPSTREAM_CA, self.issuers(report))
        self.call('guest', '--count', '3')
        self.assertEqual({self.uid('dev'): 2, self.uid('guest'): 3}, self.usage_by_uid(5))
        # The end of one disturbs no other.
        self.let_go('a', held[0])
        poll(lambda: self.captured_users() == {self.uid('guest')}, 30, 'only the other is captured')
        self.tell('b', f'{CLIENT} > /dev/null')
        self.let_go('b', held[1])
        self.assertEqual({self.uid('dev'): 2, self.uid('guest'): 4}, self.usage_by_uid(6))
        self.assertNoScopeRules()
        # What one used is not the other's to see.
        for user, calls in (('dev', 2), ('guest', 4)):
            self.assertEqual(calls, self.world.http('/v1/usage', user=user)[1]['totals']['calls'])

    def test_it_survives_restarts_and_kills_of_daemon_and_helper(self):
        self.world.start()
        held = self.hold('long')
        uid, calls = self.uid('dev'), 0
        # A helper that is stopped takes the table along, for the second that the daemon needs for the next one.
        end_of_helper = 'stop' if self.backend == 'iptables' else 'restart'
        for blow in (f'systemctl kill --signal=KILL {HELPER}', f'systemctl restart {DAEMON}',
                     f'systemctl kill --signal=KILL {DAEMON}', f'systemctl {end_of_helper} {HELPER}'):
            with self.subTest(blow=blow):
                self.box.run(blow, timeout=100)
                self.world.wait_capture()
                calls += 1
                self.tell('long', f'{CLIENT} > /dev/null')
                self.assertEqual({uid: calls}, self.usage_by_uid(calls))
        # Killed while the command ends: the next helper removes what is left.
        self.box.run(f'systemctl kill --signal=KILL {HELPER}', check=False)
        self.let_go('long', held)
        self.box.run(*HELPER_CALL, 'Status')
        self.assertNoScopeRules()

    def test_only_ones_own_commands_and_nothing_else_of_the_helper(self):
        self.world.choose_backend('iptables')  # rules that stay while no helper runs
        self.world.start()
        held = self.hold('mine')
        scope = self.box.run('ls -d /sys/fs/cgroup/user.slice/user-*.slice/user@*.service/app.slice/antigravity-run-*.scope').out
        scope_id = scope.strip().rpartition('antigravity-run-')[2].removesuffix('.scope')
        before = [rule.partition(']')[2] for rule in self.world.rules()]
        for user, arguments in (('guest', (scope_id, str(self.uid('dev')))), ('guest', (scope_id, str(self.uid('guest')))),
                                ('dev', (scope_id, '0')), ('dev', ('0' * 32, str(self.uid('dev')))),
                                ('dev', ('../ssh', str(self.uid('dev')))), ('antigravity-ls', (scope_id, str(self.uid('dev'))))):
            refused = self.box.run(*HELPER_CALL, 'CaptureScope', 'su', *arguments, user=user, check=False)
            self.assertNotEqual(0, refused.code, refused)
        # threat-model 1
        self.box.run('systemctl', 'stop', HELPER)
        for user, members in (('dev', ('Status', 'EnsureRedirect', 'RemoveRedirect')),
                              ('antigravity-ls', ('Status', 'EnsureRedirect', 'RemoveRedirect'))):
            for member in members:
                refused = self.box.run(*HELPER_CALL, member, user=user, check=False)
                self.assertSays(refused.text, 'denied')
        self.assertEqual(before, [rule.partition(']')[2] for rule in self.world.rules()])
        self.let_go('mine', held)

    def test_where_nothing_is_captured_nothing_is_started_unless_asked(self):
        touch = ('touch', '/tmp/agp-run-started')
        there = lambda: self.box.run('test', '-e', touch[1], check=False).code == 0
        output = self.run_as('dev', *touch, check=False)
        self.assertEqual(69, output.code)
        self.assertSays(output.text, 'systemctl start antigravity-proxy', '--unmetered-ok')
        self.world.start()
        guest = self.uid('guest')
        self.box.run(f'rm /var/lib/systemd/linger/guest; systemctl restart systemd-logind; '
                     f'systemctl stop user@{guest}.service user-runtime-dir@{guest}.service')
        self.assertNotEqual(0, self.box.run(f'test -S /run/user/{guest}/systemd/private', check=False).code)
        output = self.run_as('guest', *touch, check=False)
        self.assertEqual(69, output.code)
        self.assertSays(output.text, 'enable-linger')
        self.assertFalse(there())
        output = self.run_as('guest', *touch, options=('--unmetered-ok',))
        self.assertSays(output.err, 'unmetered')
        self.assertTrue(there())
        # Root starts it for whom no manager runs; the calls are that user's.
        report = json.loads(self.box.run('antigravity-proxy', 'run', '--user', 'guest', '--', CLIENT).out)
        self.assertNotIn(UPSTREAM_CA, self.issuers(report))
        who = self.box.run('antigravity-proxy', 'run', '--user', 'guest', '--', 'sh', '-c', 'id -un; id -Gn; echo $HOME').out
        self.assertEqual(['guest', 'guest', '/home/guest'], who.split())
        self.assertEqual({self.uid('guest'): 1}, self.usage_by_uid(1))

    def test_root_runs_commands_of_its_own(self):
        self.world.start()
        report = json.loads(self.box.run('antigravity-proxy', 'run', CLIENT).out)
        self.assertNotIn(UPSTREAM_CA, self.issuers(report))
        self.assertEqual({0: 1}, self.usage_by_uid(1))
        self.assertNoScopeRules()

    def test_a_user_whose_manager_lost_the_system_bus_is_told_what_to_do(self):
        self.world.start()
        self.run_as('dev', 'true')
        self.box.run('systemctl kill --signal=KILL --kill-who=main dbus && systemctl start dbus')
        # Killed by the kernel, begun again by systemd: either may come a moment later.
        poll(lambda: self.box.run('busctl', '--system', 'status', check=False).code == 0, 20, 'there is a bus again')
        self.world.wait_capture(60)
        output = self.run_as('dev', 'true', check=False)
        self.assertEqual(69, output.code, output)
        command = re.search(r'systemctl --user daemon-reexec', output.err).group()
        self.box.run(command, user='dev', env={'XDG_RUNTIME_DIR': f'/run/user/{self.uid("dev")}'})
        poll(lambda: self.run_as('dev', 'true', check=False).code == 0, 30, 'it is moved again')

    def test_a_stop_takes_everything_back_while_the_command_goes_on(self):
        self.world.start()
        held = self.hold('stays')
        self.world.stop()
        # The scope is the user's own, and so is what their service manager wrote down about it.
        self.assertEqual([], [left for left in self.world.leftovers() if not left.startswith('file: /run/user/')])
        self.assertIsNone(held.poll())
        self.let_go('stays', held)
