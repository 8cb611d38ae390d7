"""Nothing is left behind, whatever ends it; nothing goes out unmetered in between. Crashes: test_crash_matrix.py; a purge: test_identity.py."""

import itertools
import json

from case import Case
from container import poll
from observer import Observer
from world import APT, BUNDLE, CONTROL, DAEMON, DOUBLES, MODEL_HOST, PROXY_YAML, UPSTREAM4, UPSTREAM6, UPSTREAM_CA


STATUS = 'busctl call org.antigravityproxy.Helper1 /org/antigravityproxy/Helper1 org.antigravityproxy.Helper1 Status'


class EndOfLife(Case):
    # threat-model 87
    def test_installing_starts_and_enables_nothing(self):
        self.world.purge()
        self.world.install()
        self.assertNothingLeft()
        enabled = self.box.run("systemctl list-unit-files --state=enabled --no-legend 'antigravity*'", check=False)
        self.assertEqual('', enabled.out)

    # threat-model 43
    def test_stop_leaves_nothing(self):
        self.world.start()
        self.world.client('--count', '1')
        self.assertNotEqual([], self.world.rules())
        self.world.stop()
        self.assertNothingLeft()

    def test_the_helper_answers_right_after_a_stop(self):
        for _ in range(3):
            self.world.start()
            # What ends after the service does not end a helper that somebody calls meanwhile.
            answer = self.box.run(f'systemctl stop antigravity-proxy; timeout 10 {STATUS}', check=False)
            self.assertEqual(0, answer.code, answer)

    def test_a_daemon_killed_for_good_leaves_nothing(self):
        self.box.write('/run/systemd/system/antigravity-proxy.service.d/no-restart.conf',
                       '[Service]\nRestart=no\n')
        self.box.run('systemctl', 'daemon-reload')
        self.world.start()
        self.box.run('kill', '-KILL', str(self.world.main_pid(DAEMON)))
        # The service is now failed; stopping it is what an administrator does next.
        self.world.stop()
        self.box.run("systemctl reset-failed 'antigravity*'", check=False)
        self.assertNothingLeft()

    # threat-model 35
    def test_rules_that_another_program_flushed_are_put_back(self):
        self.world.backend = 'iptables'
        self.world.configure(proxy=PROXY_YAML.format(mode='off') + 'capture:\n  verify_every: 1s\n')
        self.world.start()
        for tool in ('iptables', 'ip6tables'):
            self.box.run(tool, '-t', 'nat', '-F', 'OUTPUT')
        # Until they are, the filter chain rejects what is not redirected: closed, never unmetered.
        jumps = lambda: [r for r in self.world.rules() if '-A OUTPUT' in r and '-j AGP_NAT' in r]
        poll(lambda: len(jumps()) == 2, 15, 'the jumps of both families are back')
        self.world.client('--count', '1')
        self.assertCounted()
        self.assertIn('put back', self.world.journal())

    # threat-model 79
    def test_while_no_daemon_can_run_nothing_is_direct(self):
        self.world.start()
        self.box.write('/run/systemd/system/antigravity-proxy.service.d/broken.conf', '[Service]\nExecStart=\nExecStart=/bin/false\n')
        self.box.run('systemctl', 'daemon-reload')
        self.box.run('kill', '-KILL', str(self.world.main_pid(DAEMON)))
        for network in ('-4', '-6'):
            for _ in range(4):
                # Upstream's own certificate would do: nothing but the rules stands between.
                call = self.box.run('curl', '-sS', '-m', '3', network, '-o', '/dev/null', '--cacert', '/etc/ssl/certs/fake-upstream.pem',
                                    f'https://{MODEL_HOST}/direct', user='antigravity-ls', check=False)
                self.assertNotEqual(0, call.code, 'a call went past the daemon')
        truth = self.world.truth_calls()
        self.assertEqual([], truth['calls'] + truth['other'])
        # It is failing, and connections wait; a stop is one for good all the same.
        self.world.stop()
        self.assertNothingLeft()
        self.box.run('rm /run/systemd/system/antigravity-proxy.service.d/broken.conf; systemctl daemon-reload')
        self.assertNothingLeft()
        self.world.start()
        self.world.client('--count', '1')
        self.assertCounted()

    # threat-model 79
    def test_a_stopped_socket_ends_everything_and_nothing_is_direct_until_then(self):
        observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        observer.install()
        self.addCleanup(self.world.stop_udp_sink)
        self.world.start_udp_sink()
        self.world.configure(mode='managed')
        self.addCleanup(self.world.stop_ide)
        self.world.start_ide()
        self.world.start()
        self.world.wait_language_server()
        end_watch = observer.watch('antigravity-ls')
        try:
            self.box.run('systemctl', 'stop', 'antigravity-proxy-intercept.socket', timeout=100)
            poll(lambda: not self.world.rules(), 30, 'the rules are gone')
        finally:
            [probes] = end_watch()
        self.assertNothingLeft()
        self.assertEqual({'direct'}, set(observer.probe('antigravity-ls').values()), 'it would not have been seen')
        self.assertIn(['metered', 'served'], [probe[2:] for probe in probes])
        self.assertEqual([], [probe for probe in probes if probe[2:] == ['direct', 'served']])
        # Metered, then refused, and direct only when there is nobody left whose traffic it would be.
        order = ['metered', 'refused', 'direct']
        for end in {tuple(probe[:2]) for probe in probes}:
            seen = [outcome for outcome, _ in itertools.groupby(probe[2] for probe in probes if tuple(probe[:2]) == end)]
            self.assertEqual(sorted(seen, key=order.index), seen, end)
        self.world.start()
        self.world.client('--count', '1')

    # threat-model 43
    def test_a_stop_of_a_failing_service_is_one_for_good(self):
        """After its process, in its pause before the next try and at that try, while connections wait."""
        connect = 'for n in 1 2 3; do (exec 9<> /dev/tcp/127.0.0.1/8742) 2> /dev/null; done'
        look = f'for n in $(seq 300); do case $(systemctl show -P SubState {DAEMON}),$(systemctl show -P NRestarts {DAEMON}) in'
        for moment in ('stop-post,*', 'auto-restart,*', 'auto-restart,3', '*,2', '*,4', '*,5'):
            with self.subTest(moment=moment):
                self.world.start()
                self.box.write('/run/systemd/system/antigravity-proxy.service.d/broken.conf', '[Service]\nExecStart=\nExecStart=/bin/false\n')
                self.box.run('systemctl', 'daemon-reload')
                self.box.run('bash', '-c', f'systemctl kill --signal=KILL {DAEMON}; {connect}; {look} {moment}) break;; esac; done; '
                             'systemctl stop antigravity-proxy')
                self.assertNothingLeft()
                self.box.run('rm /run/systemd/system/antigravity-proxy.service.d/broken.conf; systemctl daemon-reload; systemctl reset-failed')

    def test_a_daemon_that_may_not_try_again_leaves_nothing(self):
        self.world.start()
        self.world.configure(proxy='nonsense: true\n')
        self.box.run('kill', '-KILL', str(self.world.main_pid(DAEMON)))
        poll(lambda: self.box.run('systemctl', 'is-failed', DAEMON, check=False).out.strip() == 'failed', 30, 'it has given up')
        poll(lambda: not self.world.rules(), 30, 'the rules are gone')
        self.assertNothingLeft()
        self.assertIn('nonsense', self.box.run('systemctl', 'status', '--no-pager', DAEMON, check=False).out)

    # threat-model 80
    def test_a_daemon_that_stands_still_is_replaced(self):
        self.box.write('/run/systemd/system/antigravity-proxy.service.d/watchdog.conf', '[Service]\nWatchdogSec=2\n')
        self.box.run('systemctl', 'daemon-reload')
        self.world.start()
        before = self.world.main_pid(DAEMON)
        self.box.run('kill', '-STOP', str(before))
        poll(lambda: self.world.main_pid(DAEMON) not in (0, before), 60, 'another daemon runs')
        self.assertIn('watchdog', self.box.run('journalctl', '--no-pager', '-o', 'cat', '-u', DAEMON).out.lower())
        self.world.wait_capture()
        self.world.client('--count', '1')
        self.assertCounted()

    # threat-model 88
    def test_remove_keeps_the_ledger_until_purge(self):
        self.world.start()
        self.world.client('--count', '2')
        truth = self.assertCounted()
        self.box.run(*APT, 'remove', 'antigravity-proxy', timeout=120)
        self.assertNothingLeft()
        self.world.install()
        self.world.start()
        self.assertEqual(truth['totals']['calls'], self.world.usage_http()['totals']['calls'])

    # threat-model 78
    # threat-model 90
    def test_reinstalling_a_running_service_keeps_it_running(self):
        self.world.start()
        self.world.client('--count', '1')
        self.box.run(*APT, '--reinstall', 'install', '/opt/antigravity-proxy.deb', timeout=120)
        self.world.client('--count', '1')
        self.assertEqual(2, self.assertCounted()['totals']['calls'])


class Restart(Case):
    LOOP = f'''
        n=0
        while [ ! -e /tmp/loop-stop ]; do
          n=$((n + 1))
          {DOUBLES}/fake-client --count 1 --keepalive=false --network $1 --expect any > /tmp/loop/$1.$n.json 2>&1
        done
        echo $n'''

    def calls_while(self, action):
        """Runs one-call clients over IPv4 and IPv6 without a pause while `action` happens."""
        self.box.run('rm -rf /tmp/loop /tmp/loop-stop; mkdir /tmp/loop; chown antigravity-ls /tmp/loop')
        env = {'SSL_CERT_FILE': BUNDLE, 'SSL_CERT_DIR': '/dev/null'}
        loops = [self.box.start('bash', '-c', self.LOOP, 'loop', network, user='antigravity-ls', env=env)
                 for network in ('tcp4', 'tcp6')]
        done = lambda n: int(self.box.run('ls /tmp/loop | wc -l').out) >= n
        try:
            poll(lambda: done(10), 30, 'the loops call')
            action()
            seen = int(self.box.run('ls /tmp/loop | wc -l').out)
            poll(lambda: done(seen + 20), 60, 'the loops go on after it')
        finally:
            self.box.run('touch /tmp/loop-stop')
            for loop in loops:
                loop.communicate(timeout=90)
        text = self.box.run('cd /tmp/loop && for f in *; do tr "\\n" " " < $f; echo; done').out
        return [json.loads(line)['calls'][0] for line in text.splitlines()]

    # threat-model 78
    def test_a_killed_daemon_comes_back_without_a_refused_or_an_unmetered_call(self):
        self.world.start()
        def kill():
            for _ in range(3):
                before = self.world.main_pid(DAEMON)
                self.box.run('kill', '-KILL', str(before))
                poll(lambda: self.world.main_pid(DAEMON) not in (0, before), 30, 'the daemon is back')
                self.world.wait_capture()

        results = self.calls_while(kill)
        refused = [r for r in results if 'refused' in (r.get('error') or '').lower()]
        self.assertEqual([], refused)
        seen = {r['certificate']['issuer_cn'] for r in results if r.get('certificate')}
        self.assertNotIn(UPSTREAM_CA, seen, 'a call went past the daemon')
        self.account_for(results, kills=3)

    # threat-model 78
    def test_restarting_the_service_refuses_no_call_and_leaves_none_unmetered(self):
        self.world.start()
        results = self.calls_while(
            lambda: self.box.run('systemctl', 'restart', 'antigravity-proxy', timeout=100))
        self.assertEqual([], [r for r in results if 'refused' in (r.get('error') or '').lower()])
        seen = {r['certificate']['issuer_cn'] for r in results if r.get('certificate')}
        self.assertNotIn(UPSTREAM_CA, seen, 'a call went past the daemon')
        self.account_for(results)

    def test_a_live_stream_ends_whole_although_the_service_is_restarted(self):
        self.streams_end_whole(lambda: None)
        self.assertIn('live streams may end', self.world.journal())

    def test_a_live_stream_ends_whole_although_the_bus_is_gone_and_the_service_restarted(self):
        """The daemon lets its streams end by itself then. That somebody asks for it as well is no second request."""
        def lose_the_bus():
            # Killed by the kernel, begun again by systemd: either may come a moment later.
            self.box.run('systemctl kill --signal=KILL --kill-whom=main dbus && systemctl start dbus')
            poll(lambda: 'message bus lost' in self.world.journal(), 20, 'the daemon has noticed')
        self.addCleanup(self.box.run, 'systemctl restart systemd-logind')  # on Debian 13 it does not come back to the bus
        self.streams_end_whole(lose_the_bus)
        self.assertNotIn('at once', self.world.journal())

    def streams_end_whole(self, before_the_restart):
        self.world.start()
        before = self.world.main_pid(DAEMON)
        env = {'SSL_CERT_FILE': BUNDLE, 'SSL_CERT_DIR': '/dev/null'}
        clients = [self.box.start(f'{DOUBLES}/fake-client', '--count', '1', '--alpn', alpn, '--network', network,
                                  '--scenario', 'slow;pace=1s', user='antigravity-ls', env=env)
                   for alpn, network in (('http/1.1', 'tcp4'), ('h2,http/1.1', 'tcp4'), ('h2,http/1.1', 'tcp6'))]
        reader = self.box.start('curl', '-sSN', '-m', '100', 'http://127.0.0.1:8741/v1/usage/stream')
        try:
            in_flight = lambda: json.loads(self.box.run(f"curl -fsS '{CONTROL}/truth?wait=0s'").out)['in_flight']
            poll(lambda: in_flight() == len(clients), 20, 'all streams are under way')
            before_the_restart()
            self.box.run('systemctl', 'restart', 'antigravity-proxy', timeout=100)
            self.assertNotIn(self.world.main_pid(DAEMON), (0, before))
            said = [client.communicate(timeout=100) for client in clients]
            events, complaint = reader.communicate(timeout=100)
        finally:
            for process in (*clients, reader):
                process.kill()
        sent = {call['id']: call['body_sha256'] for call in self.world.truth_calls()['calls']}
        for client, (out, err) in zip(clients, said):
            self.assertEqual(0, client.returncode, out + err)
            [call] = json.loads(out)['calls']
            self.assertEqual(sent[call['call_id']], call['body_sha256'])
            self.assertNotEqual(UPSTREAM_CA, call['certificate']['issuer_cn'])
        # Who read along was told where to go on.
        self.assertEqual(0, reader.returncode, events + complaint)
        self.assertLessEqual(events.count('event: record\n'), len(clients))
        self.assertRegex(events, r'event: end\ndata: {"reason":"stopping","resume_after":\d+}\n\n$')
        self.assertEqual(len(clients), self.assertCounted()['totals']['ok'])

    def account_for(self, results, kills=0):
        """Every call that a client saw whole is counted; the upstream saw no more than were cut off.

        A SIGKILL between the last octet for the client and the commit, well under a millisecond, costs
        that one record: forwarding never waits for the disk.
        """
        whole = sum(1 for r in results if r['status'] == 200 and not r.get('error'))
        self.assertGreater(whole, 20)
        usage = self.world.wait_usage(whole - kills)
        cut = len(results) - whole
        # A call that was cut off by the kill may or may not have been recorded, never twice.
        self.assertLessEqual(whole - kills, usage['totals']['calls'])
        self.assertLessEqual(usage['totals']['calls'], self.world.truth()['totals']['calls'])
        self.assertLessEqual(self.world.truth()['totals']['calls'] - usage['totals']['calls'], cut + kills)
