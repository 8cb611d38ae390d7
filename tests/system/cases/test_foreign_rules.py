"""Other programs change the firewall: our rules come back or stay, theirs are as they made them, and somebody is told."""

import re

from case import Case
from container import poll
from observer import PROBING, Observer
from world import HELPER, UPSTREAM4, UPSTREAM6

LEFT_IN_PEACE = ['IPv4 filter', 'IPv4 nat', 'IPv6 filter', 'IPv6 nat']


def without_counters(lines):
    return [re.sub(r'^\[\d+:\d+\] ', '', line) for line in lines if ' - [' not in line]


class Foreign:
    """Firewalls of others, installed and not running."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.take_theirs_back)

    def take_theirs_back(self):
        self.box.run('systemctl stop firewalld nftables 2>/dev/null; ufw --force disable; '
                     'rm -f /etc/firewalld/firewalld.conf.d/agp.conf; nft flush ruleset', check=False)

    def ours(self):
        return sorted(without_counters(self.world.rules()))

    def theirs(self):
        """Chains and rules of others, in order; what is empty counts as nothing."""
        text = self.box.run('iptables-save; ip6tables-save; nft -s list tables').out
        return [re.sub(r' \[\d+:\d+\]$', '', line) for line in text.splitlines()
                if ('-A ' in line or ' - [' in line or line.startswith('table inet'))
                and 'AGP_' not in line and 'antigravity' not in line]

    def check(self, *commands):
        """The commands do to other rules what they do without us, and nothing to ours that lasts."""
        for command in commands:
            self.box.run(command)
        alone = self.theirs()
        self.take_theirs_back()
        self.world.start()
        self.is_up()
        before = self.ours()
        self.assertNotEqual([], before)
        self.assertEqual('announcements', self.world.helper_status()['watching'])
        for command in commands:
            with self.subTest(command):
                self.box.run(command)
                self.ours_hold(before, command)
        self.assertEqual(alone, self.theirs())
        self.world.client('--count', '1')
        self.assertCounted()


class ForeignRules(Foreign, Case):
    """Rules of iptables are removed by whoever likes to, and come back."""

    backend = 'iptables'

    def is_up(self):
        pass

    def ours_hold(self, before, command):
        poll(lambda: self.ours() == before, 10, f'our rules are back after {command}')

    def lost(self):
        """All that was put back. A flush in the middle of a look is repaired in two parts."""
        status = self.world.helper_status()
        self.assertGreater(status['repairs'], 0)
        parts = re.findall(r'removed by another program, put back LOST=(.*) STOPPED_SERVERS=', self.world.journal(HELPER))
        self.assertEqual(', '.join(status['last_lost']), parts[-1])
        return sorted({table for part in parts for table in part.split(', ')})

    # threat-model 35
    def test_nftables_service(self):
        self.check('systemctl start nftables', 'systemctl reload nftables', 'systemctl stop nftables',
                   'systemctl start nftables')
        self.assertEqual(LEFT_IN_PEACE, self.lost())

    # threat-model 35
    def test_firewalld(self):
        self.check('systemctl start firewalld', 'firewall-cmd --reload', 'firewall-cmd --complete-reload')

    # threat-model 35
    def test_ufw(self):
        self.check('ufw --force enable', 'ufw allow out 4711/tcp', 'ufw reload')

    # threat-model 35
    def test_a_plain_restore_of_what_was_saved_before(self):
        self.check('iptables -A OUTPUT -p tcp --dport 25 -j REJECT; iptables-save > /tmp/saved; '
                   'sed -i -e /AGP_/d -e /antigravity/d /tmp/saved', 'iptables-restore < /tmp/saved')

    # threat-model 35
    def test_the_language_server_is_stopped_when_the_filter_was_gone_and_comes_back(self):
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()
        pids = lambda: self.box.run('ps', '-o', 'pid=', '-u', 'antigravity-ls', check=False).out.split()
        first = pids()
        before = self.ours()
        self.box.run('iptables', '-t', 'nat', '-F', 'OUTPUT')
        poll(lambda: self.world.helper_status()['repairs'] == 1, 10, 'the jump is back')
        self.assertEqual(first, pids(), 'nothing can have escaped: it stays')
        self.box.run('nft', 'flush', 'ruleset')
        poll(lambda: self.world.helper_status()['repairs'] > 1 and self.ours() == before, 10, 'the rules are back')
        poll(lambda: pids() and not set(pids()) & set(first), 40, 'another language server runs')
        self.world.wait_language_server()
        self.assertEqual(LEFT_IN_PEACE, self.lost())
        redirect = self.world.status_document()['redirect']
        helper = self.world.helper_status()
        self.assertEqual((helper['repairs'], helper['last_lost']), (redirect['repairs'], redirect['last_lost']))
        self.assertSays(self.world.status().out, f'other programs removed rules {helper["repairs"]} times')
        metrics = self.box.run('curl', '-fsS', 'http://127.0.0.1:8741/metrics').out
        self.assertIn(f'antigravity_rule_repairs_total{{cause="removed_by_others"}} {helper["repairs"]}\n', metrics)
        for family in ('ipv4', 'ipv6'):
            self.assertIn(f'antigravity_rules_intact{{family="{family}"}} 1\n', metrics)

    def test_the_helper_stays_while_there_are_rules_and_comes_back_when_it_is_killed(self):
        self.world.start()
        first = self.world.main_pid(HELPER)
        self.assertGreater(first, 0)
        self.box.run('kill', '-KILL', str(first))
        poll(lambda: self.world.main_pid(HELPER) not in (0, first), 30, 'another helper runs')
        before = self.ours()
        self.box.run('nft', 'flush', 'ruleset')
        poll(lambda: self.ours() == before, 10, 'that one keeps the rules, too')


class ForeignRulesBesideTheTable(Foreign, Case):
    """A table with an owner is not removed by anybody else, so there is no moment without it."""

    backend = 'nftables'

    def setUp(self):
        super().setUp()
        self.observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        self.observer.install()
        self.world.start_udp_sink()
        self.addCleanup(self.world.stop_udp_sink)

    def ours_hold(self, before, command):
        self.assertEqual(before, self.ours(), command)

    def is_up(self):
        self.end_watch = self.observer.watch('antigravity-ls')
        self.addCleanup(self.box.run, f'rm -f {PROBING}')

    def check(self, *commands):
        super().check(*commands)
        [probes] = self.end_watch()
        self.assertGreater(len(probes), 0)
        self.assertEqual([], [probe for probe in probes if probe[2] == 'direct'])
        status = self.world.helper_status()
        self.assertEqual((0, []), (status['repairs'], status['last_lost']))
        self.assertNotIn('put back', self.world.journal(HELPER))

    # threat-model 35
    def test_flush_ruleset_and_nftables_service(self):
        self.check('nft flush ruleset', 'iptables -t nat -F; iptables -F; ip6tables -t nat -F; ip6tables -F',
                   'systemctl start nftables', 'systemctl reload nftables', 'systemctl stop nftables')

    # threat-model 35
    def test_firewalld(self):
        self.check('systemctl start firewalld', 'firewall-cmd --reload', 'firewall-cmd --complete-reload')

    # threat-model 35
    def test_ufw(self):
        self.check('ufw --force enable', 'ufw allow out 4711/tcp', 'ufw reload')

    # threat-model 35
    def test_not_even_root_can_delete_it(self):
        self.world.start()
        before = self.ours()
        for command in ('nft delete table inet antigravity_proxy', 'nft flush table inet antigravity_proxy',
                        'nft insert rule inet antigravity_proxy filter_output accept'):
            refused = self.box.run(command, check=False)
            self.assertNotEqual(0, refused.code, command)
            self.assertSays(refused.err, 'not permitted')
        self.assertEqual(before, self.ours())
