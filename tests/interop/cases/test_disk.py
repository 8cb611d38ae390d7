"""The state directory on a disk of its own that is full, read-only, or holds garbage: calls never notice, records wait, status says why."""

import json
import os
import shutil
import signal
import subprocess

from case import WHOLE, Case, body
from otlp_receiver import Receiver, exported_to
from world import DAEMON, poll

MIB = 1 << 20
QUEUE = 10_000  # records that wait in memory for a ledger that cannot be written


class SmallDisk(Case):
    more = ''  # for proxy.yaml

    def setUp(self):
        super().setUp()
        self.state = self.world.scratch / 'state'
        self.world.end('daemon')
        # Room for the spool of 16 MiB, and for a ledger that is small.
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size=24m,mode=0700,uid={DAEMON},gid={DAEMON}', 'disk', self.state], check=True)
        self.addCleanup(self.put_back)
        self.world.start_daemon(more=self.more)
        self.before = set()
        self.calls(3)
        self.new_records(3)

    def put_back(self):
        if 'daemon' in self.world.children:
            self.world.end('daemon')
        subprocess.run(['umount', self.state], check=True)
        self.world.start_daemon()

    def kill(self):
        self.world.children['daemon'].send_signal(signal.SIGKILL)
        self.world.children.pop('daemon').wait(20)

    def calls(self, count):
        """Calls whose clients got every octet that upstream sent."""
        for alpn in ('http/1.1', 'h2,http/1.1'):
            if (part := count // 2 + (count % 2 if alpn == 'http/1.1' else 0)) == 0:
                continue
            done = self.world.run(self.world.doubles / 'fake-client', '--tag', 'proxied', '--alpn', alpn, '--count', part, proxied=True)
            self.assertEqual(0, done.code, str(done))
            sent = {call['id']: call['body_sha256'] for call in self.world.truth()['calls']}
            for call in json.loads(done.out)['calls']:
                self.assertEqual(sent[call['call_id']], call['body_sha256'])

    def ledger(self):
        return self.world.status()['ledger']

    def problem(self, remedy, waiting, words='.'):
        """The ledger fails, and status says what is to be done about it."""
        seen = {}
        try:
            poll(lambda: seen.update(self.ledger()) or (seen['health'], seen['waiting']) == ('failing', waiting), 10, f'{waiting} wait')
        except AssertionError:
            self.fail(f'{waiting} records wait for a ledger that fails; {seen}')
        status = self.world.status()
        self.assertEqual('degraded', status['state'])
        [found] = [p for p in status['problems'] if p['code'] == 'ledger_failing']
        self.assertRegex(found['remedy'], remedy)
        self.assertRegex(found['message'], words)
        return status

    def well(self):
        poll(lambda: self.ledger()['health'] == 'ok' and self.ledger()['waiting'] == 0, 40, 'the ledger is well again')
        # A spool that could not be made is tried again from time to time.
        self.assertEqual([], [p for p in self.world.status()['problems'] if p['code'] not in ('records_unprotected', 'records_lost')])

    def fill(self):
        with open(self.state / 'filler', 'wb', buffering=0) as filler:
            for size in (MIB, 4096, 1):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError:
                    continue
        self.assertEqual(0, shutil.disk_usage(self.state).free)


class Disk(SmallDisk):
    # threat-model 45
    def test_a_full_disk(self):
        self.fill()
        self.calls(10)
        self.problem('free disk space', 10, 'full')
        self.calls(2)
        status = self.problem('free disk space', 12)
        self.assertTrue(status['ledger']['protected'])
        self.assertEqual(3, len(self.world.records()), 'questions are answered as well as can be')
        (self.state / 'filler').unlink()
        self.well()
        self.assertEqual(15, len(self.assertMetered()))
        self.assertEqual((0, 0), (self.ledger()['lost'], self.ledger()['lost_ever']))

    def test_a_full_disk_and_a_daemon_that_is_killed(self):
        self.fill()
        self.calls(10)
        self.problem('free disk space', 10)
        self.kill()
        self.world.start_daemon()
        self.problem('free disk space', 10)
        self.calls(4)
        self.problem('free disk space', 14)
        (self.state / 'filler').unlink()
        self.well()
        self.assertEqual(17, len(self.assertMetered()))
        self.assertEqual(0, self.ledger()['lost_ever'])

    def test_what_no_queue_can_hold_is_counted(self):
        self.need('h2load', 'nghttp2-client')
        self.fill()
        self.calls(2)
        self.problem('free disk space', 2)
        data = self.world.scratch / 'body.json'
        data.write_bytes(body())
        data.chmod(0o644)
        more = QUEUE + 20
        done = self.world.run('h2load', '-n', more, '-c', '8', '-m', '8', '-d', data, '-H', 'Content-Type: application/json', WHOLE,
                              proxied=True, timeout=300)
        self.assertIn(f'{more} succeeded, 0 failed, 0 errored', done.text, str(done))
        poll(lambda: self.ledger()['lost'] == 22, 10, 'what came last is counted as lost')
        status = self.problem('free disk space', QUEUE)
        self.assertRegex(' '.join(p['message'] for p in status['problems'] if p['code'] == 'records_lost'), '^22 ')
        (self.state / 'filler').unlink()
        self.well()
        self.assertEqual(3 + QUEUE, self.ledger()['records'])
        self.world.restart_daemon()
        self.assertEqual((0, 22), (self.ledger()['lost'], self.ledger()['lost_ever']))

    def remount(self, how):
        subprocess.run(['mount', '-o', f'remount,{how}', self.state], check=True)

    def test_a_disk_that_is_read_only(self):
        # As after a reboot from a file system with errors: one that is written to cannot become so.
        self.world.end('daemon')
        self.remount('ro')
        self.addCleanup(self.remount, 'rw')
        self.world.start_daemon()
        self.calls(6)
        status = self.problem('writable', 6, '(?i)read-?only')
        self.assertFalse(status['ledger']['protected'])
        self.assertIn('records_unprotected', [p['code'] for p in status['problems']])
        self.remount('rw')
        self.well()
        self.calls(2)
        self.assertEqual(11, len(self.assertMetered()))
        self.assertEqual((0, 0), (self.ledger()['lost'], self.ledger()['lost_ever']))

    def garbage(self, *names):
        for name in names:
            file = self.state / name
            with open(file, 'r+b') as damaged:
                damaged.write(os.urandom(file.stat().st_size))

    def put_right(self, before=0, taken=0):
        """What status says is to be done, while the daemon runs; what waited is in a new ledger: the calls of now, and `taken`
        of the `before` calls before them, which of them only the daemon knows."""
        damaged = (self.state / 'usage.db').read_bytes()
        self.calls(8)
        self.problem('move .*usage.db away', 8 + taken, 'damaged')
        self.assertEqual(damaged, (self.state / 'usage.db').read_bytes(), 'it is left as it is')
        (self.state / 'usage.db').rename(self.state / 'usage.db.damaged')
        self.well()
        waited = {r['response_id']: r['usage']['total'] for r in self.new_records(8 + taken)}
        calls = [(c['response_id'], c['usage']['total']) for c in self.world.truth('proxied')['calls']]
        self.assertLessEqual(waited.items(), dict(calls[-8 - before:]).items())
        self.assertGreaterEqual(waited.items(), dict(calls[-8:]).items())
        self.assertEqual((8 + taken, 0), (self.ledger()['records'], self.ledger()['lost_ever']))

    def test_garbage_instead_of_the_ledger_at_a_start(self):
        self.world.end('daemon')
        self.garbage('usage.db')
        self.world.start_daemon()
        self.put_right()

    def test_garbage_instead_of_the_ledger_and_its_log_under_a_running_daemon(self):
        self.garbage('usage.db', 'usage.db-wal')
        self.calls(4)
        self.kill()
        self.world.start_daemon()
        # SQLite may not look at either before it has to: what it took for committed is not waiting any more.
        taken = self.ledger()['waiting']
        self.assertIn(taken, range(5))
        self.put_right(4, taken)


class DiskOfExports(SmallDisk):
    """What no receiver takes waits on the same disk."""

    more = f'telemetry:\n{exported_to()}'

    def export(self):
        return self.world.status()['metrics_export']

    def codes(self):
        return {problem['code'] for problem in self.world.status()['problems']}

    def fill(self):
        # Else what it writes and takes back meanwhile is room.
        self.world.children['daemon'].send_signal(signal.SIGSTOP)
        try:
            super().fill()
        finally:
            self.world.children['daemon'].send_signal(signal.SIGCONT)

    def unwritable(self):
        return self.world.metrics()['antigravity_export_dropped_records_total{sink="otlp",reason="unwritable"}']

    def test_a_full_disk_costs_points_in_time_and_is_told(self):
        poll(lambda: self.export()['waiting'] >= 2, 30, 'some wait')
        self.fill()
        poll(lambda: self.unwritable() >= 2, 30, 'others cannot')
        status = self.world.status()
        [found] = [p for p in status['problems'] if p['code'] == 'metrics_not_kept']
        self.assertRegex(found['message'], 'No space left')
        self.assertRegex(found['remedy'], 'free disk space')
        export = status['metrics_export']
        self.assertEqual('failing', export['health'])
        self.assertGreaterEqual(export['waiting'], 2)
        self.assertLessEqual(export['waiting_bytes'], export['max_waiting_bytes'])
        self.assertGreaterEqual(export['dropped']['unwritable'], 2)
        self.calls(2)
        kept = export['waiting']
        self.kill()
        self.world.start_daemon(more=self.more)
        self.assertEqual(kept, self.export()['waiting'], 'they outlive the process')
        poll(lambda: 'metrics_not_kept' in self.codes(), 30, 'the next process says so too')
        (self.state / 'filler').unlink()
        poll(lambda: self.export()['waiting'] > kept and 'metrics_not_kept' not in self.codes(), 60, 'there is room again')
        receiver = Receiver()
        self.addCleanup(receiver.close)
        poll(lambda: self.export()['waiting'] == 0 and not self.codes(), 60, 'all of them arrive')
        self.assertGreater(len(receiver.taken), kept)
        self.assertEqual([], list((self.state / 'otlp').glob('unfinished')))
        self.well()
        self.assertEqual(5, len(self.assertMetered()))
