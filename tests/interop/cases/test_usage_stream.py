"""/v1/usage/stream of the whole daemon: where a stream begins, and what it says when the ledger is another one."""

import json
import time
import urllib.request

from case import STREAM, Case, body
from world import API


class Events:
    """What a reader of server-sent events gets: (id, name, data); comments are left out."""

    def __init__(self, query='', last_event_id=None):
        request = urllib.request.Request(f'{API}/v1/usage/stream{query}')
        if last_event_id is not None:
            request.add_header('Last-Event-ID', str(last_event_id))
        self.answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)

    def close(self):
        self.answer.close()

    def next(self):
        event, end = {}, time.monotonic() + 20
        while True:
            line = self.answer.readline().decode()  # a comment comes every 15 s, so this does not wait for ever
            if time.monotonic() > end:
                raise AssertionError(f'no event within 20 s, only {event}')
            if not line:
                raise AssertionError(f'the stream ended with {event}')
            name, _, value = line.rstrip('\n').partition(': ')
            if name:
                event[name] = value
            elif 'data' in event:
                return int(event['id']), event['event'], json.loads(event['data'])
            else:
                event = {}


class UsageStream(Case):
    def ask(self):
        done = self.world.run('curl', '-sS', '--fail', '-m', '30', '--http1.1', '-H', 'Content-Type: application/json',
                              '--data-binary', '@-', STREAM, proxied=True, stdin=body())
        self.assertEqual(0, done.code, str(done))

    def call(self):
        """One call, and its record once it is kept."""
        self.before = {record['id'] for record in self.world.records()}
        self.ask()
        record, = self.new_records(1)
        return record

    def open(self, *place):
        events = Events(*place)
        self.addCleanup(events.close)
        return events

    def assertRecord(self, record, event):
        self.assertEqual((record['sequence'], 'record', record['id']), (event[0], event[1], event[2].get('id')))

    def test_without_a_place_it_begins_now_in_a_new_process_too(self):
        self.call()
        self.world.restart_daemon()  # which has committed nothing yet
        events = self.open()
        self.assertRecord(self.call(), events.next())

    def test_a_reader_that_comes_back_misses_nothing(self):
        first, second = self.call(), self.call()
        self.world.restart_daemon()
        for events in (self.open(f'?after={first["sequence"]}'), self.open('', first['sequence'])):
            self.assertRecord(second, events.next())

    def test_a_place_beyond_the_newest_is_told_and_everything_follows(self):
        newest = self.call()['sequence']
        kept = self.world.records()  # the newest, by when they began
        events = self.open('', newest + 1000)
        self.assertEqual((0, 'reset', {'after': newest + 1000, 'newest': newest}), events.next())
        sent = [events.next()]
        while sent[-1][0] != newest:
            sent.append(events.next())
        self.assertEqual(sorted({event[0] for event in sent}), [event[0] for event in sent], 'in order, each once')
        by_place = {event[0]: event for event in sent}
        for record in kept:
            self.assertRecord(record, by_place[record['sequence']])

    def test_an_open_stream_is_told_that_the_ledger_was_moved_away(self):
        newest = self.call()['sequence']
        events = self.open(f'?after={newest - 1}')
        self.assertEqual(newest, events.next()[0])
        ledger = self.world.scratch / 'state' / 'usage.db'
        ledger.rename(ledger.with_suffix('.away'))
        self.ask()
        self.assertEqual((0, 'reset', {'after': newest, 'newest': 1}), events.next())
        number, name, record = events.next()
        self.assertEqual((1, 'record'), (number, name))
        self.assertEqual([record['id']], [kept['id'] for kept in self.world.records()])
        self.assertEqual(1, self.world.status()['ledger']['records'], 'status counts the ledger that is there')
