"""GET /metrics with Debian's Prometheus: scrapes, rules, the dashboard's queries, totals over a kill."""

import json
import os
import pwd
import re
import signal
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from case import STREAM, WHOLE, Case, body
from otlp_receiver import exported_to
from world import API, DIRECT, poll

PACKAGING = Path(__file__).resolve().parents[3] / 'packaging'
RULES = PACKAGING / 'prometheus/antigravity-proxy.rules.yml'
RULES_TEST = Path(__file__).resolve().parents[1] / 'antigravity-proxy.rules.test.yml'
DASHBOARD = PACKAGING / 'grafana/antigravity-proxy.json'
USER = 'prometheus'  # of Debian's package
ADDRESS = '127.0.0.1:9090'
# A daemon in the foreground has no rules of netfilter; tests/system/cases/test_foreign_rules.py looks at these.
ELSEWHERE = {'antigravity_rules_intact'}
OPENMETRICS = 'application/openmetrics-text; version=1.0.0'


def page(accept='text/plain'):
    request = urllib.request.Request(f'{API}/metrics', headers={'Accept': accept})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return answer.headers['Content-Type'], answer.read().decode()


class Counted(Case):
    def send(self, scenario='', url=STREAM):
        header = ['-H', f'X-Fake-Scenario: {scenario}'] if scenario else []
        self.world.run('curl', '-sS', '-m', '30', '-H', 'Content-Type: application/json', *header, '--data-binary', '@-', url,
                       proxied=True, stdin=body())

    def call(self, scenario='', url=STREAM):
        """One call, and its record once it is kept."""
        self.before = {record['id'] for record in self.world.records()}
        self.send(scenario, url)
        record, = self.new_records(1)
        return record

    def tokens(self):
        """What /metrics says by class, all models together."""
        sums = {}
        for name, value in self.world.metrics().items():
            if name.startswith('antigravity_tokens_total{'):
                word = re.search('class="([a-z_]+)"', name)[1]
                sums[word] = sums.get(word, 0) + value
        return sums


class Metrics(Counted):
    def by_modality(self):
        """Tokens of input, all models together."""
        sums = {}
        for name, value in self.world.metrics().items():
            if name.startswith('gen_ai_client_inference_usage_input_tokens_total{'):
                word = re.search('gen_ai_token_modality="([a-z_]+)"', name)[1]
                sums[word] = sums.get(word, 0) + value
        return sums

    def assertTotals(self):
        """What /metrics says is what /v1/usage says."""
        with urllib.request.urlopen(f'{API}/v1/usage', timeout=20) as answer:
            totals = json.load(answer)['totals']
        tokens = self.tokens()
        if not totals['flags'].get('partition_mismatch'):  # a class stays at 0 there
            self.assertEqual(totals['total'], sum(tokens.values()))
        self.assertEqual((totals['cached_input'], totals['reasoning']), (tokens['cached'], tokens['reasoning']))
        values = self.world.metrics()
        each = lambda name: sum(value for key, value in values.items() if key.startswith(name + '{'))
        for name, want in (('antigravity_operations_total', totals['calls']), ('antigravity_operation_failures_total', totals['errors']),
                           ('antigravity_incomplete_operations_total', totals['partial']),
                           ('antigravity_usage_unreported_operations_total', totals['usage_unknown']),
                           ('antigravity_unpriced_operations_total', totals['unpriced']),
                           ('gen_ai_client_inference_usage_input_tokens_total', totals['input_total']),
                           ('gen_ai_client_inference_usage_output_tokens_total', totals['output_total'])):
            self.assertEqual(want, each(name), name)
        return totals

    def test_totals_are_those_of_the_ledger_after_a_kill_too(self):
        for scenario in ('', 'no-usage', 'error429', 'total-mismatch'):
            self.call(scenario)
        before, by_modality = self.assertTotals(), self.by_modality()
        self.assertLessEqual({'text', 'unknown'}, set(by_modality))
        self.world.children['daemon'].send_signal(signal.SIGKILL)
        self.world.children['daemon'].wait(20)
        self.world.ensure_daemon()
        self.assertEqual((before, by_modality), (self.assertTotals(), self.by_modality()))
        self.call()
        self.assertGreater(self.by_modality()['text'], by_modality['text'])
        self.assertEqual(before['calls'] + 1, self.assertTotals()['calls'])

    def test_a_ledger_that_was_moved_away_is_asked_anew(self):
        self.call()
        ledger = self.world.scratch / 'state' / 'usage.db'
        ledger.rename(ledger.with_suffix('.away'))
        self.addCleanup(ledger.with_suffix('.away').unlink)
        self.send()  # there is no file to ask before this is kept
        calls = lambda: sum(value for key, value in self.world.metrics().items() if key.startswith('antigravity_operations_total{'))
        poll(lambda: calls() == 1, 10, 'the new ledger has been asked')
        self.call('no-usage')
        self.assertEqual(2, self.assertTotals()['calls'])

    def test_durations_are_those_of_the_calls(self):
        name = 'gen_ai_client_inference_duration_seconds_count'
        count = lambda: sum(v for k, v in self.world.metrics().items() if k.startswith(name))
        before = count()
        self.call()
        self.call('error429')
        self.assertEqual(before + 2, count())
        self.assertTrue([k for k in self.world.metrics() if k.startswith(name) and 'error_type="429"' in k])

    def test_ordinary_users_see_how_the_service_is_and_nobodys_usage(self):
        self.call()
        text = self.world.run('curl', '-sS', '--fail', '-m', '30', f'{API}/metrics', uid=DIRECT).text
        self.assertIn('\nantigravity_scrape_sees_usage 0\n', text)
        self.assertIn('\nantigravity_connections ', text)
        for name in ('gen_ai_client', 'antigravity_tokens', 'antigravity_operations', 'antigravity_quota'):
            self.assertNotIn(name, text)

    def test_promtool_has_nothing_to_say(self):
        self.need('promtool', 'prometheus')
        self.addCleanup(self.world.restart_daemon)
        latest, old = '\ngen_ai_client_inference_duration_seconds_count{', '\ngen_ai_client_operation_duration_seconds_count{'
        for names, wanted in (('latest', (True, False)), ('v1.41', (False, True)), ('both', (True, True))):
            with self.subTest(names):
                self.world.restart_daemon(more=f'telemetry:\n  genai_semconv: {names}\n{exported_to()}')
                self.call()
                kind, text = page()
                self.assertEqual('text/plain; version=0.0.4; charset=utf-8', kind)
                self.assertEqual(wanted, (latest in text, old in text))
                self.assertLint(text)

    def assertLint(self, text):
        done = subprocess.run(['promtool', 'check', 'metrics'], input=text.encode(), capture_output=True, check=False)
        self.assertEqual((0, b'', b''), (done.returncode, done.stdout, done.stderr))

    def test_openmetrics_ends_with_its_mark(self):
        kind, text = page(OPENMETRICS)
        self.assertEqual('application/openmetrics-text; version=1.0.0; charset=utf-8', kind)
        self.assertTrue(text.endswith('\n# EOF\n'))

    def test_rules_are_good_and_each_of_them_fires(self):
        self.need('promtool', 'prometheus')
        for command, file in (('check', RULES), ('test', RULES_TEST)):
            done = subprocess.run(['promtool', command, 'rules', file], capture_output=True, check=False)
            self.assertEqual(0, done.returncode, (done.stdout + done.stderr).decode())
        alerts = re.findall(r'^ *- alert: (\w+)$', RULES.read_text(), re.M)
        tested = re.findall(r'^ *alertname: (\w+)$', RULES_TEST.read_text(), re.M)
        self.assertEqual([], [alert for alert in alerts if alert not in tested])


class Prometheus(Counted):
    """A Prometheus with the rules that are shipped scrapes the daemon as Debian's user. Nobody is there to export to, too."""

    more = f'telemetry:\n  scrape_users: [{USER}]\n{exported_to()}'

    @classmethod
    def setUpClass(cls):
        cls.ide = cls.world.start_ide('e3', quota='gemini-3-flash=0.05', quota_summary='on', quota_reset='2099-01-01T00:00:00Z')
        cls.world.restart_daemon(language_server=cls.ide, more=cls.more)

    @classmethod
    def tearDownClass(cls):
        if 'prometheus' in cls.world.children:
            cls.world.end('prometheus')
        cls.world.end('ide')
        cls.world.restart_daemon()

    def is_quiet(self):
        """Language server and Prometheus keep their connections, so that only the ledger tells."""
        return self.world.status()['ledger']['waiting'] == 0

    def setUp(self):
        self.need('prometheus')
        super().setUp()
        if 'prometheus' not in self.world.children:
            self.start()

    def start(self):
        account = pwd.getpwnam(USER)
        folder = self.world.scratch / 'prometheus'
        folder.mkdir()
        os.chown(folder, account.pw_uid, account.pw_gid)
        rules = folder / 'rules.yml'
        rules.write_text(RULES.read_text())
        (folder / 'prometheus.yml').write_text(f'''\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: antigravity-proxy
    static_configs: [{{targets: ['127.0.0.1:8741']}}]
''')
        self.world.spawn('prometheus', '/usr/bin/prometheus', f'--config.file={folder}/prometheus.yml',
                         f'--storage.tsdb.path={folder}/data', f'--web.listen-address={ADDRESS}', uid=account.pw_uid)
        self.world.wait_port('prometheus', '127.0.0.1', 9090)

    def ask(self, path, **query):
        url = f'http://{ADDRESS}/api/v1/{path}?{urllib.parse.urlencode(query)}'
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            return json.load(answer)['data']

    def query(self, expression):
        return self.ask('query', query=expression)['result']

    def value(self, expression):
        found = self.query(expression)
        return float(found[0]['value'][1]) if found else None

    def traffic(self):
        """Calls of every outcome, scraped before and after, and somebody who asked for the quota."""
        with urllib.request.urlopen(f'{API}/v1/quota', timeout=20) as answer:
            json.load(answer)
        self.call()
        kept = self.world.metrics()['antigravity_ledger_records_total']
        poll(lambda: (self.value('antigravity_ledger_records_total') or 0) >= kept, 20, 'Prometheus has seen the first call')
        for scenario in ('slow;pace=20ms', '', 'error429', 'no-usage', 'total-mismatch'):
            self.call(scenario)
        self.call(url=WHOLE)
        poll(lambda: (self.value('antigravity_ledger_records_total') or 0) >= kept + 6, 20, 'Prometheus has seen the others')

    def test_it_sees_the_usage_of_all_and_keeps_the_labels(self):
        self.traffic()
        target, = self.ask('targets')['activeTargets']
        self.assertEqual(('up', ''), (target['health'], target['lastError']))
        self.assertEqual(1, self.value('antigravity_scrape_sees_usage'))
        values = self.world.metrics()
        names = {name.partition('{')[0] for name in values}
        seen = set(self.ask('label/__name__/values'))
        self.assertEqual(set(), names - seen)
        self.assertEqual(sum(self.tokens().values()), self.value('sum(antigravity_tokens_total)'))
        self.assertEqual([], [name for name in self.ask('labels') if name in ('exported_instance', 'exported_job')])

    def test_every_query_of_the_dashboard_has_data(self):
        self.traffic()
        panels = json.loads(DASHBOARD.read_text())['panels']
        expressions = [target['expr'] for panel in panels for target in panel.get('targets', [])]
        self.assertGreater(len(expressions), 30)
        for expression in expressions:
            asked = expression.replace('$instance', '.*').replace('$__rate_interval', '1m').replace('$__range', '5m')
            self.assertNotIn('$', asked)
            with self.subTest(asked):
                # A rate needs a second look at a series that has just begun.
                poll(lambda: self.query(asked), 10, f'data for {asked}')

    def test_everything_that_a_rule_looks_at_is_there(self):
        self.traffic()
        groups = self.ask('rules')['groups']
        rules = [rule for group in groups for rule in group['rules']]
        self.assertEqual([], [(rule['name'], rule.get('lastError')) for rule in rules if rule['health'] == 'err'])
        names = {name for rule in rules for name in re.findall(r'\b(?:antigravity|gen_ai)_\w+', rule['query'])} - ELSEWHERE
        # One of the two generations of names is there at a time.
        names.discard('gen_ai_client_operation_duration_seconds_count')
        self.assertGreater(len(names), 12)
        for name in sorted(names):
            with self.subTest(name):
                self.assertTrue(self.query(name))

    def test_alerts_fire_for_what_happened(self):
        self.traffic()
        firing = lambda: {alert['labels']['alertname'] for alert in self.ask('alerts')['alerts'] if alert['state'] == 'firing'}
        wanted = {'AntigravityUsageUnreported', 'AntigravityUsageContradictsItself', 'AntigravityQuotaLow'}
        poll(lambda: wanted <= firing(), 20, f'{wanted} fire')
        self.assertNotIn('AntigravityProxyAbsent', firing())

    def test_a_daemon_that_is_gone_is_noticed(self):
        self.traffic()
        self.world.end('daemon')
        poll(lambda: any(alert['labels']['alertname'] == 'AntigravityProxyAbsent' for alert in self.ask('alerts')['alerts']),
             20, 'the alert is pending')
        self.world.start_daemon(language_server=self.ide, more=self.more)
        poll(lambda: not any(alert['labels']['alertname'] == 'AntigravityProxyAbsent' for alert in self.ask('alerts')['alerts']),
             20, 'and is over')
