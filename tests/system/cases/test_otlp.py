"""Export by OTLP to a receiver nobody here wrote: what VictoriaMetrics makes of it is what a scrape says.

Debian's Prometheus is built without the receiver that upstream's has, and the VictoriaMetrics of Debian 12 knows no OTLP.
"""

import json
import urllib.parse

from case import Case
from container import poll

RECEIVER = 'http://127.0.0.1:8428'
DROP_IN = '/etc/antigravity-proxy/proxy.yaml.d/60-otlp.yaml'
LINES = f'''\
telemetry:
  otlp:
    endpoint: {RECEIVER}/opentelemetry/v1/metrics
    interval: 1s
'''
PAGE_ONLY = {'target_info', 'otel_scope_info', 'antigravity_scrape_sees_usage'}


class VictoriaMetrics(Case):
    def setUp(self):
        super().setUp()
        told = self.box.run('sh', '-c', 'victoria-metrics -help 2>&1', check=False).out
        if '-opentelemetry.usePrometheusNaming' not in told:
            self.skipTest('no VictoriaMetrics that takes OTLP: Debian 12 has an older one')
        self.box.unit('victoria', '/usr/bin/victoria-metrics', '-storageDataPath=/run/victoria/data', f'-httpListenAddr={RECEIVER[7:]}',
                      '-search.latencyOffset=0s', '-search.disableCache', '-opentelemetry.usePrometheusNaming',
                      properties=('DynamicUser=yes', 'RuntimeDirectory=victoria'))
        self.addCleanup(self.box.run, 'systemctl', 'stop', 'victoria')
        poll(lambda: self.box.run('curl', '-fsS', f'{RECEIVER}/health', check=False).code == 0, 30, 'the receiver is there')
        self.box.write(DROP_IN, LINES)
        self.addCleanup(self.box.run, 'rm', DROP_IN)
        self.world.configure()
        self.world.start()

    def scraped(self):
        """Every sample of /metrics: {name with labels: value}."""
        lines = [line for line in self.world.http('/metrics')[1].splitlines() if not line.startswith('#')]
        return {name: float(value) for name, _, value in (line.rpartition(' ') for line in lines)}

    def missing(self):
        """Names of a scrape that the receiver does not have."""
        return {name.partition('{')[0] for name in self.scraped()} - set(self.ask('label/__name__/values'))

    def ask(self, path, **query):
        self.box.run('curl', '-fsS', f'{RECEIVER}/internal/force_flush')
        url = f'{RECEIVER}/prometheus/api/v1/{path}?{urllib.parse.urlencode(query)}'
        return json.loads(self.box.run('curl', '-fsS', url).out)['data']

    def value(self, expression):
        found = self.ask('query', query=expression)['result']
        return float(found[0]['value'][1]) if found else None

    def test_it_has_every_metric_under_the_name_of_a_scrape(self):
        self.world.client('--count', '3')
        self.world.wait_usage(3)
        poll(lambda: self.value('sum(antigravity_operations_total)') == 3, 30, 'it has the calls')
        # That an export went well is told by the next one.
        poll(lambda: 'antigravity_export_success_timestamp_seconds' not in self.missing(), 30, 'it has what the second export says')
        self.assertEqual(PAGE_ONLY, self.missing())
        values = self.scraped()
        total = lambda start: sum(value for name, value in values.items() if name.startswith(start))
        for name in ('gen_ai_client_inference_duration_seconds_count', 'gen_ai_client_inference_usage_input_tokens_total'):
            self.assertEqual(total(name + '{'), self.value(f'sum({name})'), name)
        bucket = 'gen_ai_client_inference_duration_seconds_bucket'
        told = {row['metric']['le']: float(row['value'][1]) for row in self.ask('query', query=f'sum({bucket}) by (le)')['result']}
        self.assertIn('+Inf', told)
        self.assertEqual({bound: sum(value for name, value in values.items() if name.startswith(bucket) and f'le="{bound}"' in name)
                          for bound in told}, told)
        labels = self.ask('query', query='gen_ai_client_inference_duration_seconds_count')['result'][0]['metric']
        self.assertIn('gen_ai_request_model', labels)
        self.assertEqual(('generate_content', '443', 'antigravity-proxy'),
                         (labels['gen_ai_operation_name'], labels['server_port'], labels['service_name']))
