"""The certificate authority, replaced while calls go on."""

import json

from case import Case
from container import poll
from world import BUNDLE


class Ca(Case):
    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()

    def ca(self, verb, user=None):
        return self.box.run('antigravity-proxy', 'ca', verb, '--json', user=user, check=False, timeout=120)

    def document(self, verb='show'):
        said = self.ca(verb)
        self.assertEqual(0, said.code, said.text)
        return json.loads(said.out)

    def pids(self):
        return self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls', check=False).out.split()

    # threat-model 96
    def test_it_is_replaced_without_breaking_a_stream(self):
        before = self.document()
        server = self.pids()
        client = self.world.client_in_background('--count', '1', '--scenario', 'slow;pace=300ms')
        poll(lambda: self.world.in_flight() == 1, 20, 'the stream is under way')
        after = self.document('rotate')
        self.assertIsNone(after['rotation'], after)
        self.assertIsNone(after['problem'])
        self.assertNotEqual(before['certificate']['sha256'], after['certificate']['sha256'])
        self.assertEqual(1, self.world.in_flight(), 'the stream goes on')
        self.world.wait_language_server()
        self.assertNotIn(server[0], self.pids())
        out, err = client.communicate(timeout=120)
        self.assertEqual(0, client.returncode, err)
        self.assertTrue(json.loads(out)['calls'][0]['as_expected'])
        # What starts now trusts the new one alone, and is answered with it.
        self.world.client('--count', '2')
        self.assertCounted()
        shown = self.box.run(f'openssl crl2pkcs7 -nocrl -certfile {BUNDLE} | openssl pkcs7 -print_certs -noout').out
        subjects = [line for line in shown.splitlines() if line.startswith('subject=')]
        self.assertEqual(1, sum('antigravity-proxy local issuer' in subject for subject in subjects), subjects[:3])
        self.assertNotIn('PRIVATE', json.dumps(after) + self.box.run('cat', BUNDLE).out)
        self.assertEqual('ca.key\nca.pem\n', self.box.run('ls', '/var/lib/antigravity-proxy/ca').out)

    # threat-model 96
    def test_it_is_an_administrators(self):
        before = self.document()['certificate']
        refused = self.ca('rotate', user='dev')
        self.assertEqual(77, refused.code, refused.text)
        self.assertEqual(0, self.ca('show', user='dev').code)
        self.assertEqual(before, self.document()['certificate'])

    def test_a_daemon_that_is_killed_meanwhile_goes_on_with_one_of_the_two(self):
        call = self.box.start('antigravity-proxy', 'ca', 'rotate')
        self.box.run('systemctl', 'kill', '-s', 'KILL', 'antigravity-proxy')
        call.communicate(timeout=120)
        self.world.wait_capture(60)
        self.world.wait_language_server(60)
        self.world.client('--count', '2')
        self.assertCounted()
        self.assertEqual('ca.key\nca.pem\n', self.box.run('ls', '/var/lib/antigravity-proxy/ca').out)
