"""Export of metrics by OTLP: a receiver that comes and goes, a kill in between, and VictoriaMetrics, which takes OTLP."""

import http.server
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from pathlib import Path

from case import STREAM, Case, body
from world import DIRECT, poll

PROTO = Path(__file__).resolve().parents[3] / 'daemon/otlp/proto'
PORT = 4318
PATH = '/v1/metrics'
ADDRESS = '127.0.0.1:8428'
QUEUE = 'otlp'


def lines_for(path, port):
    return f'telemetry:\n  otlp:\n    endpoint: http://127.0.0.1:{port}{path}\n    interval: 1s\n    queue_bytes: 1MiB'


class Receiver:
    """Keeps what it was sent, and answers as it is told to."""

    def __init__(self):
        self.status, self.taken, self.refused = 200, [], 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                octets = self.rfile.read(int(self.headers['Content-Length']))
                if outer.status == 200:
                    outer.taken.append((self.path, self.headers['Content-Type'], octets))
                else:
                    outer.refused += 1
                self.send_response(outer.status)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Export(Case):
    def call(self):
        self.before = {record['id'] for record in self.world.records()}
        self.world.run('curl', '-sS', '-m', '30', '-H', 'Content-Type: application/json', '--data-binary', '@-', STREAM, proxied=True,
                       stdin=body())
        self.new_records(1)

    def waiting(self):
        return self.world.metrics()['antigravity_export_queue_records{sink="otlp"}']

    def calls(self):
        return sum(value for name, value in self.world.metrics().items() if name.startswith('antigravity_operations_total{'))


class OtlpReceivers(Export):
    def setUp(self):
        self.need('protoc', 'protobuf-compiler')
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.addCleanup(self.world.restart_daemon)
        subprocess.run(['protoc', f'--proto_path={PROTO}', f'--python_out={self.world.scratch}', 'otlp_metrics.proto'], check=True)
        if str(self.world.scratch) not in sys.path:
            sys.path.insert(0, str(self.world.scratch))
        try:  # the protocol's own messages, where they are installed (python3-opentelemetry-proto)
            self.wire = importlib.import_module('opentelemetry.proto.collector.metrics.v1.metrics_service_pb2')
        except ModuleNotFoundError:
            self.wire = importlib.import_module('otlp_metrics_pb2')
        shutil.rmtree(self.world.scratch / 'state' / QUEUE, ignore_errors=True)
        self.world.restart_daemon(more=lines_for(PATH, PORT))
        poll(lambda: self.receiver.taken, 30, 'the export has begun')

    def requests(self):
        return [self.wire.ExportMetricsServiceRequest.FromString(octets) for _, _, octets in list(self.receiver.taken)]

    def metrics_of(self, request):
        resource, = request.resource_metrics
        return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}

    def calls_of(self, request):
        metric = self.metrics_of(request).get('antigravity_operations_total')
        return sum(point.as_int for point in metric.sum.data_points) if metric else None

    def times(self):
        return [self.metrics_of(request)['antigravity_connections'].gauge.data_points[0].time_unix_nano for request in self.requests()]

    def test_it_gets_what_a_scrape_says(self):
        self.call()
        calls = self.calls()
        poll(lambda: self.receiver.taken and self.calls_of(self.requests()[-1]) == calls, 30, 'the call has arrived')
        path, kind, _ = self.receiver.taken[-1]
        self.assertEqual((PATH, 'application/x-protobuf'), (path, kind))
        metrics = self.metrics_of(self.requests()[-1])
        same = lambda name: re.sub('[._]', '_', name)
        pages = {re.sub('_(bucket|sum|count)$', '', name.partition('{')[0]) for name in self.world.metrics()}
        sent = {same(name) + ('_seconds' if metric.unit == 's' and not same(name).endswith('_seconds') else '')
                + ('_total' if metric.HasField('sum') and not name.endswith('_total') else '') for name, metric in metrics.items()}
        self.assertEqual(pages - {'target_info', 'otel_scope_info', 'antigravity_scrape_sees_usage'}, sent)
        self.assertTrue(all(b'interoperate' not in octets for _, _, octets in self.receiver.taken))  # the prompt

    def test_what_could_not_be_sent_outlives_a_kill_and_comes_in_its_order(self):
        self.receiver.status = 503
        before = len(self.receiver.taken)
        self.call()
        poll(lambda: self.waiting() >= 3, 30, 'some wait')
        self.world.children['daemon'].send_signal(signal.SIGKILL)
        self.world.children['daemon'].wait(20)
        kept = len(list((self.world.scratch / 'state' / QUEUE).glob('*.otlp')))
        self.assertGreaterEqual(kept, 3)
        del self.world.children['daemon']
        self.receiver.status = 200
        self.world.start_daemon(more=lines_for(PATH, PORT))
        poll(lambda: len(self.receiver.taken) >= before + kept + 1 and self.waiting() == 0, 30, 'those come first')
        self.assertEqual(sorted(self.times()), self.times())
        starts = {self.metrics_of(request)['antigravity_operations_total'].sum.data_points[0].start_time_unix_nano
                  for request in self.requests() if 'antigravity_operations_total' in self.metrics_of(request)}
        self.assertEqual(1, len(starts), 'the ledger began once, whatever process tells it')

    def test_a_receiver_that_is_away_is_a_problem_of_the_status_until_it_is_back(self):
        self.receiver.close()
        codes = lambda: [problem['code'] for problem in self.world.status()['problems']]
        poll(lambda: 'metrics_not_exported' in codes(), 60, 'the status says so')
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        poll(lambda: 'metrics_not_exported' not in codes(), 60, 'and that it is over')
        self.assertTrue(self.receiver.taken)

    def test_garbage_in_the_queue_is_left_out(self):
        self.world.end('daemon')
        queue = self.world.scratch / 'state' / QUEUE
        (queue / '00000000000000000000.otlp').write_bytes(os.urandom(5000))
        (queue / '00000000000000000001.otlp').write_bytes(b'')
        self.world.start_daemon(more=lines_for(PATH, PORT))
        dropped = 'antigravity_export_dropped_records_total{sink="otlp",reason="unreadable"}'
        poll(lambda: self.world.metrics()[dropped] == 2, 30, 'both are counted')
        poll(lambda: self.waiting() == 0, 30, 'and the others sent')


def victoria_metrics():
    """One that takes OTLP; AGP_VICTORIA_METRICS names another one than the installed."""
    program = os.environ.get('AGP_VICTORIA_METRICS') or shutil.which('victoria-metrics')
    if not program:
        return None
    told = subprocess.run([program, '-help'], capture_output=True, text=True, check=False)
    return program if '-opentelemetry.usePrometheusNaming' in told.stdout + told.stderr else None


class OtlpVictoriaMetrics(Export):
    """A receiver nobody here wrote: what it makes of OTLP is what a scrape says. Debian's Prometheus is built without OTLP."""

    def setUp(self):
        self.program = victoria_metrics()
        if not self.program:
            self.skipTest('no VictoriaMetrics that takes OTLP is installed (victoria-metrics of Debian 13)')
        super().setUp()
        folder = self.world.scratch / 'victoria'
        folder.mkdir()
        os.chown(folder, DIRECT, DIRECT)
        self.world.spawn('victoria', self.program, f'-storageDataPath={folder}', f'-httpListenAddr={ADDRESS}', '-search.latencyOffset=0s',
                         '-search.disableCache', '-opentelemetry.usePrometheusNaming', uid=DIRECT)
        self.addCleanup(self.world.end, 'victoria')
        self.world.wait_port('victoria', '127.0.0.1', 8428)
        self.addCleanup(self.world.restart_daemon)
        shutil.rmtree(self.world.scratch / 'state' / QUEUE, ignore_errors=True)
        self.world.restart_daemon(more=lines_for('/opentelemetry/v1/metrics', 8428))

    def get(self, path, **query):
        url = f'http://{ADDRESS}/{path}?{urllib.parse.urlencode(query)}'
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            return answer.read()

    def ask(self, path, **query):
        self.get('internal/force_flush')
        return json.loads(self.get(f'prometheus/api/v1/{path}', **query))['data']

    def value(self, expression):
        found = self.ask('query', query=expression)['result']
        return float(found[0]['value'][1]) if found else None

    def test_it_has_every_metric_under_the_name_of_a_scrape(self):
        self.call()
        poll(lambda: self.value('sum(antigravity_operations_total)') == self.calls(), 30, 'it has the call')
        values = self.world.metrics()
        missing = {name.partition('{')[0] for name in values} - set(self.ask('label/__name__/values'))
        self.assertEqual({'target_info', 'otel_scope_info', 'antigravity_scrape_sees_usage'}, missing)
        total = lambda start: sum(value for name, value in values.items() if name.startswith(start))
        for name in ('gen_ai_client_inference_duration_seconds_count', 'gen_ai_client_inference_usage_input_tokens_total'):
            self.assertEqual(total(name + '{'), self.value(f'sum({name})'), name)
        duration = 'gen_ai_client_inference_duration_seconds_bucket'
        told = {row['metric']['le']: float(row['value'][1]) for row in self.ask('query', query=f'sum({duration}) by (le)')['result']}
        self.assertEqual({float(bound): total(f'{duration}{{') and sum(value for name, value in values.items()
                          if name.startswith(duration) and f'le="{bound}"' in name) for bound in told},
                         {float(bound): value for bound, value in told.items()})
        labels = self.ask('query', query='gen_ai_client_inference_duration_seconds_count')['result'][0]['metric']
        self.assertEqual(('generate_content', '443', 'antigravity-proxy'),
                         (labels['gen_ai_operation_name'], labels['server_port'], labels['service_name']))
