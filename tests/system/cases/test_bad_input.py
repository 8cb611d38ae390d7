"""What is wrong is said clearly, with the remedy, where people look: `status` and the journal."""

from case import Case
from container import poll
from world import DAEMON, DROP_IN, LS_BINARY, PROXY_YAML


class BadConfiguration(Case):
    BROKEN = '''\
capture:
  mode: sometimes
  colour: blue
upstream:
  allow_networks:
    - 203.0.113.0/24
    - not-a-network
'''

    def test_every_fault_is_named_with_file_line_and_column_and_nothing_starts(self):
        self.world.configure(proxy=self.BROKEN)
        started = self.world.start(check=False)
        self.assertNotEqual(0, started.code, 'systemctl start succeeded with a broken configuration')
        journal = self.world.journal()
        name = DROP_IN.format('proxy')
        self.assertSays(journal, f'{name}:2:9', f'{name}:3:3', f'{name}:7:7')
        self.box.run("systemctl stop 'antigravity-*'; systemctl reset-failed", check=False)
        self.assertNothingLeft()

    def test_a_broken_configuration_leaves_no_rule_while_it_is_broken(self):
        self.world.configure(proxy=self.BROKEN)
        self.world.start(check=False)
        self.assertEqual([], self.world.rules())

    def test_yaml_that_cannot_be_read_is_a_fault_with_its_place(self):
        self.world.configure(proxy='capture: [\n')
        self.assertNotEqual(0, self.world.start(check=False).code)
        self.assertSays(self.world.journal(), DROP_IN.format('proxy') + ':')

    def test_the_service_starts_once_the_configuration_is_mended(self):
        self.world.configure(proxy=self.BROKEN)
        self.world.start(check=False)
        self.world.configure()
        self.box.run("systemctl reset-failed 'antigravity*'", check=False)
        self.world.start()
        self.world.client('--count', '1')
        self.assertCounted()


class MissingParts(Case):
    def test_without_an_ide_the_service_is_up_and_status_says_what_it_waits_for(self):
        self.world.configure(mode='managed')
        self.world.start()
        status = self.said_by_status('ide')
        self.assertSays(status, 'waiting')
        # Nothing is wrong: nobody has started it yet.
        self.assertEqual(0, self.world.status().code)
        document = self.world.status_document()
        self.assertEqual('waiting', document['state'], document['problems'])
        self.assertEqual([('ide', 'waiting')], [(each['code'], each['severity']) for each in document['problems']])
        self.assertSays(document['problems'][0]['remedy'], 'start the Antigravity IDE')
        self.assertEqual('active', self.box.run('systemctl', 'is-active', DAEMON).out.strip())

    # threat-model 20
    # threat-model 26
    def test_a_missing_language_server_binary_is_said_with_the_remedy(self):
        self.world.configure(mode='managed', helper='language_server:\n  binaries:\n    - /opt/none/language_server\n')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start(capture=False)
        status = self.said_by_status('no antigravity language server')
        self.assertSays(status, 'language_server.binaries', 'helper.yaml')
        self.assertSays(self.world.journal(), 'no antigravity language server', 'helper.yaml')

    def test_a_port_in_use_is_said_with_the_port(self):
        self.box.unit('squatter', 'openssl', 's_server', '-nocert',
                      '-accept', '127.0.0.1:8742', '-quiet')
        self.addCleanup(self.box.run, 'systemctl', 'stop', 'squatter', check=False)
        poll(lambda: ':8742' in self.box.run('ss -Hltn').out, 10, 'the squatter listens')
        started = self.world.start(check=False)
        self.assertNotEqual(0, started.code)
        self.assertSays(self.world.status().text, 'port 8742', 'in use', 'ss -ltnp')
        self.assertSays(self.world.journal(), '8742', 'failed to listen')
        self.assertEqual([], self.world.rules())

    def hide_iptables(self):
        hide = 'for f in iptables-restore ip6tables-restore iptables-save ip6tables-save iptables ip6tables; do mv /usr/sbin/$f /usr/sbin/$f.hidden; done'
        self.box.run(hide)
        self.addCleanup(self.box.run, 'cd /usr/sbin && for f in *.hidden; do mv $f ${f%.hidden}; done')

    def test_where_a_table_holds_the_rules_nobody_misses_iptables(self):
        self.hide_iptables()
        self.world.start()
        self.assertEqual('nftables', self.world.helper_status()['firewall_backend'])
        self.world.client('--count', '1', '--network', 'tcp4')
        self.world.client('--count', '1', '--network', 'tcp6')
        self.assertCounted()
        self.world.stop()

    def test_without_iptables_nothing_is_captured_and_status_names_the_package(self):
        self.world.choose_backend('iptables')
        self.hide_iptables()
        self.world.start(check=False)
        status = self.said_by_status('iptables')
        self.assertSays(status, 'install the package iptables')
        self.assertSays(self.world.journal(), 'install the package iptables')
        # It is tried again, but not all the time.
        self.assertLess(self.world.journal().count('install the package iptables'), 10)

    # threat-model 51
    # threat-model 84
    def test_an_expired_ca_is_replaced_and_said_and_the_main_job_goes_on(self):
        self.world.start()
        self.world.stop()
        self.world.expire_ca()
        before = self.box.run('sha256sum /var/lib/antigravity-proxy/ca/ca.pem').out
        self.world.start()
        self.assertSays(self.world.journal(), 'expired')
        self.assertNotEqual(before, self.box.run('sha256sum /var/lib/antigravity-proxy/ca/ca.pem').out)
        self.world.client('--count', '1')
        self.assertCounted()

    def said_by_status(self, word):
        """`status` once it mentions the word: what it describes is found in the background."""
        def there():
            text = self.world.status().text
            return text if word.lower() in text.lower() else None
        return poll(there, 20, f'status mentions {word!r}; it says:\n{self.world.status().text}')
