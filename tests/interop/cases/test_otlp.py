"""Export of metrics by OTLP: a receiver that comes and goes, and a kill in between."""

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from case import STREAM, Case, body
from otlp_receiver import PATH, PORT, Receiver, exported_to
from world import GRPC, GRPC_HOST, LAB, LAB_HOST, poll

PROTO = Path(__file__).resolve().parents[3] / 'daemon/otlp/proto'
QUEUE = 'otlp'


def exporting(*where):
    return f'telemetry:\n{exported_to(*where)}'


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
        self.world.restart_daemon(more=exporting())
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
        self.world.start_daemon(more=exporting())
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
        self.world.start_daemon(more=exporting())
        dropped = 'antigravity_export_dropped_records_total{sink="otlp",reason="unreadable"}'
        poll(lambda: self.world.metrics()[dropped] == 2, 30, 'both are counted')
        poll(lambda: self.waiting() == 0, 30, 'and the others sent')


class OtlpOverTls(Export):
    """The certificate of a receiver is verified, or it gets nothing."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.world.restart_daemon)
        shutil.rmtree(self.world.scratch / 'state' / QUEUE, ignore_errors=True)

    def of(self, name):
        """A certificate of upstream's authority, which upstream.extra_ca_file names."""
        return self.world.certs / f'{name}.pem', self.world.certs / f'{name}.key'

    def of_nobody(self, name):
        made = self.world.scratch / 'nobody.pem', self.world.scratch / 'nobody.key'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                        '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name}', '-out', made[0], '-keyout', made[1]],
                       check=True, capture_output=True)
        return made

    def receiver(self, address, host, certificate):
        receiver = Receiver(address, certificate)
        self.addCleanup(receiver.close)
        self.world.restart_daemon(more=exporting(f'https://{host}:{PORT}'))
        return receiver

    def problems(self):
        return {problem['code']: problem for problem in self.world.status()['problems']}

    def test_one_that_verifies(self):
        receiver = self.receiver(LAB, LAB_HOST, self.of(LAB_HOST))
        poll(lambda: len(receiver.taken) >= 2, 30, 'metrics arrive')
        self.assertEqual({}, self.problems())
        export = self.world.status()['metrics_export']
        self.assertEqual((f'https://{LAB_HOST}:{PORT}', 'ok', None, 0), tuple(export[key] for key in ('receiver', 'health', 'last_error', 'waiting')))
        self.assertIsNotNone(export['last_sent_at'])

    def test_one_that_does_not_gets_nothing_until_it_does(self):
        for kind, address, host, certificate in (('nobody vouches for it', LAB, LAB_HOST, self.of_nobody(LAB_HOST)),
                                                 ('it is of another name', GRPC, GRPC_HOST, self.of(LAB_HOST))):
            with self.subTest(kind):
                receiver = self.receiver(address, host, certificate)
                found = poll(lambda: self.problems().get('metrics_not_exported'), 30, 'the status says so')
                self.assertRegex(found['message'], f'TLS with https://{host}:{PORT}.*certificate verify failed')
                self.assertIn('upstream.extra_ca_file', found['remedy'])
                waiting = poll(lambda: self.waiting() if self.waiting() >= 2 else None, 30, 'they wait')
                self.assertEqual(([], 0), (receiver.taken, receiver.refused))
                receiver.show(self.of(host))
                poll(lambda: len(receiver.taken) > waiting and self.waiting() == 0, 60, 'all of them arrive')
                self.assertEqual({}, self.problems())
