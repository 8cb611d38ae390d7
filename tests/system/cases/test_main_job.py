"""The main job: what the language server's account uses is measured to the token."""

import os
import select

from case import Case
from world import SIGN_IN_HOST, UPSTREAM_CA, only_sums

MODELS = 'gemini-3-flash,gemini-3.1-pro-high'


class MainJob(Case):
    def calls_of_every_kind(self):
        for network in ('tcp4', 'tcp6'):
            for coding in ('--gzip', '--no-gzip'):
                for streaming in ('--stream', '--no-stream'):
                    self.world.client('--network', network, coding, streaming, '--model', MODELS,
                                      '--count', '4')

    def test_http_bus_and_command_agree_with_the_upstreams_ground_truth(self):
        self.world.start()
        self.calls_of_every_kind()
        truth = self.assertCounted()
        self.assertEqual(32, truth['totals']['calls'])
        self.assertEqual(set(MODELS.split(',')), set(truth['groups']))
        self.assertEqual(truth, only_sums(self.world.usage_bus()))
        self.assertEqual(truth, only_sums(self.world.usage_command()))

    def test_every_octet_arrives_as_the_upstream_sent_it(self):
        self.world.start()
        report = self.world.client('--count', '6', '--model', MODELS)
        sent = {c['id']: c['body_sha256'] for c in self.world.truth_calls()['calls']}
        got = {r['call_id']: r['body_sha256'] for r in report['calls']}
        self.assertEqual(6, len(got))
        self.assertEqual(sent, got)

    # threat-model 68
    def test_no_prompt_reaches_the_journal_or_the_disk(self):
        self.world.start()
        marker = 'prompt-marker-7f3a91'
        self.world.client('--count', '2', '--prompt', f'remember {marker}')
        self.world.client('--count', '1', '--prompt', marker, '--scenario', 'inband-error', '--expect', 'any')
        self.box.run('antigravity-proxy', 'usage', '--json')
        self.box.run('systemctl', 'stop', 'antigravity-proxy', timeout=100)
        self.assertNotIn(marker, self.box.run('journalctl', '--no-pager', '-o', 'export').out)
        found = self.box.run('grep', '-rl', marker, '/var/lib/antigravity-proxy', '/run', check=False)
        self.assertEqual('', found.out)

    def test_parallel_calls_are_all_counted(self):
        self.world.start()
        self.world.client('--count', '40', '--parallel', '8', '--model', MODELS, timeout=180)
        self.assertEqual(40, self.assertCounted()['totals']['calls'])

    def test_usage_survives_a_restart(self):
        self.world.start()
        self.world.client('--count', '3')
        self.assertCounted()
        self.box.run('systemctl', 'restart', 'antigravity-proxy', timeout=100)
        self.assertCounted()

    def test_usage_recorded_is_signalled_on_the_bus(self):
        self.world.start()
        monitor = self.box.start('timeout', '60', 'dbus-monitor', '--system',
                                 "type='signal',member='UsageRecorded'")
        try:
            # The monitor says nothing when it is ready: call until it has seen one.
            seen = ''
            for _ in range(20):
                self.world.client('--count', '1')
                while select.select([monitor.stdout], [], [], 0.5)[0]:
                    seen += os.read(monitor.stdout.fileno(), 65536).decode()
                if 'UsageRecorded' in seen:
                    break
        finally:
            # Inside first: it holds the pipe that is waited for.
            self.box.run('pkill', '-x', 'dbus-monitor', check=False)
            monitor.kill()
            monitor.communicate()
        self.assertIn('interface=org.antigravityproxy.Daemon1; member=UsageRecorded', seen)
        self.assertIn('gemini-3-flash', seen)


class Isolation(Case):
    # threat-model 32
    def test_the_language_servers_account_sees_our_certificate_on_a_model_host(self):
        self.world.start()
        report = self.world.client('--count', '1')
        self.assertNotEqual(UPSTREAM_CA, report['calls'][0]['certificate']['issuer_cn'])

    # threat-model 32
    def test_another_uid_sees_the_upstreams_own_certificate_and_moves_no_counter(self):
        self.world.start()
        before = self.world.rules()
        self.assertNotEqual([], before, 'there are no rules although the service runs')
        for network in ('tcp4', 'tcp6'):
            report = self.world.client('--network', network, '--count', '3', user='dev')
            for result in report['calls']:
                self.assertEqual(UPSTREAM_CA, result['certificate']['issuer_cn'])
        self.assertEqual(before, self.world.rules())
        self.assertEqual(0, self.world.usage_http()['totals']['calls'])

    def test_sign_in_hosts_are_tunnelled_with_the_upstreams_own_certificate(self):
        self.world.start()
        # The bundle holds the system's certificates too, so the client verifies what it is shown.
        report = self.world.client('--url', f'https://{SIGN_IN_HOST}/token', '--method', 'GET',
                                   '--expect', 'any', '--count', '1')
        self.assertEqual(UPSTREAM_CA, report['calls'][0]['certificate']['issuer_cn'])
        self.assertEqual(0, self.world.usage_http()['totals']['calls'])

    # threat-model 33
    def test_quic_is_rejected_at_once_and_only_for_the_language_server(self):
        self.world.start()
        # The kernel refuses the write itself: EPERM, or ECONNREFUSED once the ICMP error is there.
        probe = 'exec 3<>/dev/udp/{}/443 && echo a >&3 && echo b >&3'
        for address in ('203.0.113.10', '2001:db8:1::10'):
            refused = self.box.run('bash', '-c', probe.format(address), user='antigravity-ls', check=False)
            self.assertNotEqual(0, refused.code, f'{address}: udp/443 was let through')
            self.assertRegex(refused.text.lower(), 'refused|not permitted')

    # threat-model 34
    def test_the_intercept_port_refuses_everyone_else(self):
        self.world.start()
        for user in ('dev', 'root'):
            for address in ('127.0.0.1', '[::1]'):
                output = self.box.run('curl', '-sS', '-m', '5', f'http://{address}:8742/', user=user, check=False)
                self.assertEqual(7, output.code, f'{user} {address}: {output.text}')

    # threat-model 49
    def test_the_system_trust_store_is_not_touched(self):
        digest = 'cat /etc/ssl/certs/ca-certificates.crt; ls -R /etc/ssl /usr/local/share/ca-certificates'
        before = self.box.run(digest).out
        self.world.start()
        self.world.client('--count', '1')
        self.world.stop()
        self.assertEqual(before, self.box.run(digest).out)

    # threat-model 29
    def test_foreign_rules_stay_as_they_were(self):
        self.box.run('iptables -w -t nat -A OUTPUT -d 198.51.100.1 -p tcp --dport 443 -j ACCEPT')
        self.addCleanup(self.box.run, 'iptables -w -t nat -D OUTPUT -d 198.51.100.1 -p tcp --dport 443 -j ACCEPT')
        foreign = lambda: [l for l in self.box.run('iptables-save -t nat').out.splitlines() if '198.51.100.1' in l]
        before = foreign()
        self.world.start()
        self.assertEqual(before, foreign())
        self.world.stop()
        self.assertEqual(before, foreign())

    # threat-model 52
    def test_the_upstream_is_verified(self):
        # The daemon trusts the double by configuration only; the system store has it as well, so
        # a certificate that neither knows is made by pointing at a fresh authority.
        self.world.start()
        self.box.run('''set -e
            cp -a /var/lib/fake-upstream /var/lib/fake-upstream.saved
            systemctl stop fake-upstream
            rm -rf /var/lib/fake-upstream''')
        try:
            self.world.restart_upstream()
            report = self.world.client('--count', '1', '--expect', 'any', check=False)
            self.assertNotEqual(200, report['calls'][0]['status'])
            self.assertEqual([], self.world.truth_calls()['calls'])
        finally:
            self.box.run('''set -e
                systemctl stop fake-upstream
                rm -rf /var/lib/fake-upstream
                mv /var/lib/fake-upstream.saved /var/lib/fake-upstream''')
            self.world.restart_upstream()


class Turn(Case):
    """The whole loop: client -> 8741 -> language server -> redirect -> 8742 -> upstream."""

    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def test_a_response_drives_a_turn_and_its_usage_appears(self):
        status, answer = self.world.http('/v1/responses', 'POST', {'model': 'gemini-3-flash', 'input': 'Say hello.'})
        self.assertEqual(200, status, answer)
        self.assertEqual('completed', answer['status'])
        text = answer['output'][-1]['content'][0]['text']
        self.assertNotEqual('', text)
        truth = self.assertCounted()
        self.assertGreaterEqual(truth['totals']['calls'], 1)

    # threat-model 21
    def test_the_language_server_runs_as_its_own_account_without_privileges(self):
        line = self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls').out.split()
        self.assertEqual(1, len(line), line)
        status = self.box.run('cat', f'/proc/{line[0]}/status').out
        self.assertRegex(status, r'CapEff:\s+0+\n')
        self.assertRegex(status, r'CapBnd:\s+0+\n')
        self.assertRegex(status, r'NoNewPrivs:\s+1')
        self.assertRegex(status, r'Seccomp:\s+2')

    def test_its_sign_in_host_shows_the_upstreams_own_certificate(self):
        self.world.http('/v1/responses', 'POST', {'model': 'gemini-3-flash', 'input': 'Say hello.'})
        # The double refreshes its token there; a certificate that it does not trust would show as
        # a failed handshake, one of ours as a connection of the daemon's own.
        hosts = {c['host'] for c in self.world.truth_calls()['other']}
        self.assertIn('oauth2.googleapis.com', hosts)
        self.assertNotIn('oauth2.googleapis.com', self.box.run(
            'antigravity-proxy', 'usage', '--json', '--group-by', 'host', check=False).out)

    def test_stop_ends_the_language_server_and_leaves_nothing(self):
        self.world.stop()
        self.world.stop_ide()
        self.assertNothingLeft()

    def test_the_editors_own_language_server_is_not_touched(self):
        before = self.box.run('systemctl', 'show', '-P', 'MainPID', 'fake-ide').out
        self.world.stop()
        self.assertEqual(before, self.box.run('systemctl', 'show', '-P', 'MainPID', 'fake-ide').out)
        self.assertIn('language_server', self.box.run('ps', '-o', 'args=', '-u', 'dev').out)
