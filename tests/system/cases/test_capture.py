"""Capture, switched off and on while the service runs."""

import json

from case import Case
from container import poll
from world import UPSTREAM_CA, only_sums


class Capture(Case):
    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def capture(self, verb, user=None):
        return self.box.run('antigravity-proxy', 'capture', verb, '--json', user=user, check=False, timeout=120)

    def off(self):
        done = self.capture('off')
        self.assertEqual(0, done.code, done.text)
        return json.loads(done.out)

    def pids(self):
        return self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls', check=False).out.split()

    # threat-model 95
    def test_off_leaves_no_rule_and_no_language_server_until_on(self):
        document = self.off()
        self.assertEqual({'mode': 'service', 'active': False, 'switched_off': True}, document['capture'])
        self.assertEqual([], self.world.rules())
        self.assertEqual([], self.pids())
        status = self.world.status_document()
        self.assertEqual('waiting', status['state'], status['problems'])
        self.assertEqual([('capture-off', 'waiting')], [(each['code'], each['severity']) for each in status['problems']])
        self.assertSays(self.world.status().text, 'switched off on request', 'antigravity-proxy capture on')
        self.assertEqual(3, self.capture('status').code)
        # Neither another look, nor the helper's idle end and return, nor an order to the language server brings it back.
        self.box.run('systemctl', 'kill', '-s', 'KILL', 'antigravity-proxy-helper')
        self.world.helper_status()
        self.assertEqual(3, self.box.run('antigravity-proxy', 'ls', 'start', check=False).code)
        self.off()
        self.assertEqual([], self.world.rules())
        self.assertEqual([], self.pids())

        on = self.capture('on')
        self.assertEqual(0, on.code, on.text)
        self.assertNotEqual([], self.world.rules())
        self.world.wait_language_server()
        self.assertEqual('ok', self.world.status_document()['state'])

    def issuers(self):
        report = self.world.client('--count', '1')
        return {call['certificate']['issuer_cn'] for call in report['calls']}

    def test_what_runs_meanwhile_is_direct_and_what_was_measured_stays(self):
        self.assertNotIn(UPSTREAM_CA, self.issuers())
        before = only_sums(self.world.wait_usage(1))
        self.off()
        self.assertEqual({UPSTREAM_CA}, self.issuers())
        self.assertEqual(before, only_sums(self.world.usage_http()))
        refused = self.box.run('antigravity-proxy', 'run', '--', 'true', user='dev', check=False)
        self.assertEqual(69, refused.code, refused.text)
        self.assertEqual(0, self.capture('on').code)
        self.assertNotIn(UPSTREAM_CA, self.issuers())

    def test_a_stream_that_is_open_may_break_and_is_measured_as_far_as_it_was_seen(self):
        client = self.world.client_in_background('--count', '1', '--scenario', 'slow;pace=300ms')
        poll(lambda: self.world.in_flight() == 1, 20, 'the stream is under way')
        self.off()
        client.communicate(timeout=120)
        self.assertEqual(1, self.world.wait_usage(1, 60)['totals']['calls'])

    # threat-model 95
    def test_it_is_an_administrators(self):
        for verb in ('off', 'on'):
            refused = self.capture(verb, user='dev')  # whose session is in use
            self.assertEqual(77, refused.code, refused.text)
        self.assertEqual(0, self.capture('status', user='dev').code)
        self.assertNotEqual([], self.world.rules())

    def test_a_service_that_ends_meanwhile_begins_with_capture(self):
        self.off()
        self.box.run('systemctl', 'kill', '-s', 'KILL', 'antigravity-proxy')
        self.world.wait_capture(40)
        self.off()
        self.world.stop()
        self.assertNothingLeft()
        self.world.start()

    def test_a_helper_that_is_killed_meanwhile_does_not_keep_it_on(self):
        call = self.box.start('antigravity-proxy', 'capture', 'off')
        for _ in range(3):
            self.box.run('systemctl', 'kill', '-s', 'KILL', 'antigravity-proxy-helper', check=False)
        call.communicate(timeout=120)
        poll(lambda: self.capture('status').code == 3 and self.world.rules() == [], 60, 'capture is off')
        self.assertEqual([], self.pids())
