"""Who holds the rules: a table of nf_tables with an owner, or iptables. The same acceptance for both.

Every other case leaves the choice to the helper, which takes the table where the kernel has such tables. Here the
cases that matter run with iptables too, and what only the choice itself can show.
"""

import test_boundaries
import test_language_server
import test_main_job
import test_run
from case import Case, only
from container import poll
from observer import Observer
from steps import kill, processes
from world import DAEMON, HELPER, UPSTREAM4, UPSTREAM6

IPTABLES = 'iptables'


@only('test_http_bus_and_command_agree_with_the_upstreams_ground_truth', 'test_parallel_calls_are_all_counted',
      'test_usage_survives_a_restart')
class MainJobWithIptables(test_main_job.MainJob):
    backend = IPTABLES


# threat-model 32
# threat-model 33
# threat-model 34
@only('test_another_uid_sees_the_upstreams_own_certificate_and_moves_no_counter', 'test_foreign_rules_stay_as_they_were',
      'test_quic_is_rejected_at_once_and_only_for_the_language_server', 'test_the_intercept_port_refuses_everyone_else')
class IsolationWithIptables(test_main_job.Isolation):
    backend = IPTABLES


@only('test_a_response_drives_a_turn_and_its_usage_appears', 'test_stop_ends_the_language_server_and_leaves_nothing')
class TurnWithIptables(test_main_job.Turn):
    backend = IPTABLES


@only('test_the_helper_can_write_in_run_in_its_own_directory_alone', 'test_a_fresh_install_is_usable_without_a_reboot')
class BoundariesWithIptables(test_boundaries.Boundaries):
    backend = IPTABLES


@only('test_stop_keeps_it_stopped_until_start', 'test_a_crash_is_named_and_mended')
class LanguageServerWithIptables(test_language_server.LanguageServer):
    backend = IPTABLES


@only('test_a_command_is_metered_in_both_families_and_the_same_beside_it_is_not', 'test_nothing_of_the_command_goes_past_it',
      'test_two_users_and_several_commands_at_once', 'test_it_survives_restarts_and_kills_of_daemon_and_helper',
      'test_a_stop_takes_everything_back_while_the_command_goes_on')
class RunWithIptables(test_run.Run):
    backend = IPTABLES


class Leaks:
    """What the language server's account and others send, seen by an observer that knows nothing of the product."""

    def setUp(self):
        super().setUp()
        self.observer = Observer(self.box, (UPSTREAM4, UPSTREAM6))
        self.observer.install()
        self.world.start_udp_sink()
        self.addCleanup(self.world.stop_udp_sink)
        self.without = {user: self.observer.probe(user) for user in ('dev', 'nobody', 'antigravity-ls')}

    def held_by(self):
        """Who has rules of ours at this moment, by what the kernel shows."""
        rules = self.world.rules()
        holders = {'nftables' for rule in rules if rule.startswith('nft ')}
        return holders | {'iptables' for rule in rules if not rule.startswith('nft ')}

    def assertSameRules(self, before):
        self.assertNotEqual([], before)
        self.assertEqual([], sorted(set(before) ^ set(self.world.rules())))

    # threat-model 33
    def test_nothing_leaks_and_others_see_no_difference(self):
        self.assertEqual({'direct'}, {how for outcomes in self.without.values() for how in outcomes.values()})
        self.world.start()
        self.assertEqual({f'tcp {UPSTREAM4}': 'metered', f'tcp {UPSTREAM6}': 'metered',
                          f'udp {UPSTREAM4}': 'refused', f'udp {UPSTREAM6}': 'refused'}, self.observer.probe('antigravity-ls'))
        for user in ('dev', 'nobody'):
            self.assertEqual(self.without[user], self.observer.probe(user), user)
        self.assertEqual({self.holder}, self.held_by())
        self.assertEqual(self.holder, self.world.helper_status()['firewall_backend'])
        self.world.stop()
        self.assertEqual(set(), self.held_by())
        for user, outcomes in self.without.items():
            self.assertEqual(outcomes, self.observer.probe(user), user)
        self.assertNothingLeft()

    # threat-model 78
    def test_a_killed_helper_costs_nothing(self):
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()
        server = processes(self.box, 'ls')
        end_watch = self.observer.watch('antigravity-ls', 'dev')
        try:
            for victims in (('helper',), ('helper', 'daemon'), ('helper',)):
                before = processes(self.box, 'helper')
                kill(self.box, victims)
                poll(lambda: processes(self.box, 'helper') not in ([], before), 30, 'another helper runs')
                self.world.wait_capture()
        finally:
            probes, of_others = end_watch()
        self.assertEqual([], [probe for probe in probes if probe[2] == 'direct'])
        self.assertEqual([], [probe for probe in of_others if probe[2] != 'direct'])
        self.assertEqual({self.holder}, self.held_by())
        self.assertNotEqual([], server)
        self.world.client('--count', '1')
        self.assertCounted()
        # What a helper has left behind another one takes away.
        kill(self.box, ('helper',))
        self.world.stop()
        self.assertNothingLeft()


class LeaksOfTheTable(Leaks, Case):
    """The helper's own choice."""

    holder = 'nftables'

    # threat-model 35
    def test_the_rules_are_there_while_no_helper_is(self):
        self.world.start()
        before = self.world.rules()
        # Nobody starts it again: what holds the rules is the socket that the service manager keeps.
        self.box.write('/run/systemd/system/antigravity-proxy-helper.service.d/wait.conf', '[Service]\nRestartSec=300\n')
        self.addCleanup(self.box.run, 'rm -r /run/systemd/system/antigravity-proxy-helper.service.d; systemctl daemon-reload')
        self.box.run('systemctl', 'daemon-reload')
        kill(self.box, ('helper',))
        self.assertEqual([], processes(self.box, 'helper'))
        self.assertSameRules(before)
        self.assertEqual({'metered', 'refused'}, set(self.observer.probe('antigravity-ls').values()))
        # The next helper goes on with them, and so does one after a restart.
        for _ in range(2):
            self.box.run('systemctl', 'restart', HELPER)
            self.assertSameRules(before)
        # Its end does.
        self.box.run('systemctl', 'stop', DAEMON, timeout=100)
        self.assertEqual([], self.world.rules())

    def test_the_choice_can_be_changed_and_only_one_ever_holds_rules(self):
        self.world.start()
        self.assertEqual({'nftables'}, self.held_by())
        for backend in (IPTABLES, 'nftables'):
            self.world.choose_backend(backend)
            # The helper reads its configuration with each call; the daemon's look is such a call.
            self.box.run('systemctl', 'restart', DAEMON, timeout=100)
            self.world.wait_capture()
            poll(lambda: self.held_by() == {backend}, 30, f'{backend} holds the rules, and nobody else')
            self.world.client('--count', '1')
        self.assertCounted()


class LeaksOfIptables(Leaks, Case):
    backend = holder = IPTABLES
