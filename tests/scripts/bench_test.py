"""The arithmetic and the tables of scripts/bench: a figure that may not be reported must not look reached."""

import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'scripts' / 'benchmark'))
sys.dont_write_bytecode = True
import figures  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402
import world  # noqa: E402

STAT = '42 (a) b) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 1 0 100 0 0'


class Arithmetic(unittest.TestCase):
    def test_percentiles_are_values_that_were_seen(self):
        values = list(range(1, 101))
        self.assertEqual([50, 99, 100, 1], [figures.percentile(values, p) for p in (0.5, 0.99, 0.999, 0)])
        self.assertEqual(7, figures.percentile([7], 0.999))
        with self.assertRaises(ValueError):
            figures.percentile([], 0.5)

    def test_a_figure_that_moves_is_noticed(self):
        self.assertAlmostEqual(0.25, figures.moved([100, 125, 110]))
        self.assertEqual(float('inf'), figures.moved([0, 1]))
        self.assertEqual(float('inf'), figures.moved([]))

    def test_rounds_are_compared_that_agree(self):
        steady = [[100, 104], [101, 99], [102, 103]]
        self.assertEqual([0, 1, 2], figures.agreeing(steady, 3))
        # One that was disturbed in the middle, and one as a whole.
        self.assertEqual([0, 2, 4], figures.agreeing([[100, 104], [100, 160], [101, 99], [170, 171], [102, 103]], 3))
        self.assertIsNone(figures.agreeing([[100, 104], [100, 160], [101, 99]], 3))
        self.assertIsNone(figures.agreeing([[0, 0], [], [0, 1]], 1))

    def test_more_agreeing_rounds_than_wanted_all_count(self):
        self.assertEqual([0, 1, 2, 3], figures.agreeing([[100], [110], [115], [120]], 3))
        self.assertEqual([1, 2, 3], figures.agreeing([[80], [110], [115], [120]], 3))

    def test_slope_is_growth_by_unit(self):
        self.assertAlmostEqual(3.0, figures.slope([(0, 1), (1, 4), (2, 7)]))
        self.assertEqual(0.0, figures.slope([(1, 5)]))
        self.assertEqual(0.0, figures.slope([(1, 5), (1, 9)]))

    def test_reads_stat_whatever_the_program_is_called(self):
        self.assertEqual(3.0, figures.cpu_seconds(STAT, 100))
        self.assertEqual(7, figures.parent(STAT))

    def test_reads_resident_memory(self):
        self.assertEqual(1234, figures.rss_kib('55d0-7ffc ---p 0 00:00 0 [rollup]\nRss:    1234 kB\nPss: 9 kB\n'))
        with self.assertRaises(ValueError):
            figures.rss_kib('')

    def test_children_of_children_count(self):
        self.assertEqual({1, 2, 3}, figures.descendants(1, {3: 2, 2: 1, 5: 4}))

    def test_only_a_listening_socket_listens(self):
        table = ('  sl  local_address rem_address   st\n'
                 '   0: 0100007F:2226 00000000:0000 0A 00000000:00000000\n'
                 '   1: 0100007F:2227 0100007F:0001 01 00000000:00000000\n')
        self.assertTrue(figures.listening(table, '127.0.0.1', 8742))
        self.assertFalse(figures.listening(table, '127.0.0.1', 8743))
        self.assertFalse(figures.listening(table, '127.0.0.2', 8742))

    def test_each_round_starts_with_another_peer(self):
        self.assertEqual([['a', 'b', 'c'], ['b', 'c', 'a'], ['c', 'a', 'b'], ['a', 'b', 'c']],
                         [figures.turns(['a', 'b', 'c'], n) for n in range(4)])

    def test_usage_is_compared_with_the_truth(self):
        before = {'calls': 1, 'ok': 1, 'total': 3000}
        after = {'calls': 3, 'ok': 2, 'total': 9000}
        self.assertEqual(['usage ok: 1, the truth is 2'], figures.wrong_usage(before, after, 2, {'total': 3000}))

    def test_memory_is_flat_or_growing_or_nobody_knows(self):
        flat = [(x, 60_000 + x % 7) for x in range(0, 600, 5)]
        growing = [(x, 60_000 + 10 * x) for x in range(0, 600, 5)]
        self.assertTrue(scenarios.flatness(flat, 600)['flat'])
        self.assertFalse(scenarios.flatness(growing, 600)['flat'])
        self.assertIsNone(scenarios.flatness(growing[:2], 10)['flat'])

    def test_what_begins_and_ends_does_not_count_as_growth(self):
        samples = [(x, 10_000 if x < 100 or x > 550 else 60_000) for x in range(0, 600, 5)]
        self.assertTrue(scenarios.flatness(samples, 600)['flat'])


def summary(*values):
    return figures.summary(list(values))


def results(refused='', **peers):
    """peers: name=(metric, values...)"""
    return {'command': 'sudo scripts/bench', 'rounds': 3, 'versions': {}, 'skipped': {},
            'machine': {'cores': 2, 'cpu': 'x', 'kernel': '6', 'openssl': 'OpenSSL 3', 'go': 'go1'},
            'scenarios': [{'name': 'bulk-h1-identity-8', 'group': 'bulk', 'about': 'full speed', 'refused': refused, 'peers': {
                name.replace('_', '-'): {'figures': {f[0]: summary(*f[1:])} if f else {}, 'protocol': 'http/1.1', 'cipher': '',
                                         'problems': [], 'skipped': '' if f else 'it is not there'} for name, f in peers.items()}}]}


def verdict(found, what='full-speed SSE, 8 connections'):
    return next(row for row in report.verdicts(found) if row['what'] == what)


class Tables(unittest.TestCase):
    def test_ratios_are_of_medians(self):
        row = verdict(results(antigravity_proxy=('mb_per_s', 100, 120, 110), haproxy=('mb_per_s', 100, 100, 90)))
        self.assertAlmostEqual(1.1, row['target']['value'])
        self.assertTrue(row['target']['reached'])

    def test_less_is_better_for_cost(self):
        found = results(antigravity_proxy=('cpu_s_per_gb', 1.6), haproxy=('cpu_s_per_gb', 1.5))
        row = verdict(found, 'CPU per GB, identity, 8 connections')
        self.assertFalse(row['target']['reached'])
        self.assertIn('1.07 × ✗', report.targets_table(found))

    def test_a_refused_scenario_reaches_nothing(self):
        found = results(refused='direct moved by 30% between rounds', antigravity_proxy=('mb_per_s', 200), haproxy=('mb_per_s', 100))
        row = verdict(found)
        self.assertIsNone(row['target']['reached'])
        self.assertNotIn('✓', report.markdown(found))
        self.assertIn('Not reported: direct moved by 30% between rounds', report.markdown(found))

    def test_without_the_other_peer_nothing_is_said(self):
        row = verdict(results(antigravity_proxy=('mb_per_s', 200), haproxy=()))
        self.assertIsNone(row['target']['value'])
        self.assertIsNone(row['target']['reached'])

    def test_a_skipped_peer_is_named_with_its_reason(self):
        self.assertIn('| haproxy | – | – | – | it is not there |', report.markdown(results(direct=('mb_per_s', 5), haproxy=())))

    def test_delays_are_over_direct_unless_direct_moved_more(self):
        found = results(direct=('p50_us', 80, 82, 84), antigravity_proxy=('p50_us', 100, 102, 104), haproxy=('p50_us', 83, 84, 85))
        self.assertEqual(20, report.figure(found, 'bulk-h1-identity-8', 'antigravity-proxy', 'added_p50_us'))
        self.assertIsNone(report.figure(found, 'bulk-h1-identity-8', 'haproxy', 'added_p50_us'))

    def test_the_spread_stands_beside_the_median(self):
        self.assertIn('100 ±10%', report.markdown(results(direct=('mb_per_s', 90, 100, 110))))

    def test_targets_name_scenarios_that_exist(self):
        names = {s.name for s in scenarios.catalogue(scenarios.Sizes(), 4096)} | {'idle-1000', 'idle-9500', 'reading'}
        self.assertEqual(set(), {t[1] for t in report.TARGETS} - names)

    def test_problems_of_ours_are_found(self):
        found = results(antigravity_proxy=('mb_per_s', 1))
        found['scenarios'][0]['peers']['antigravity-proxy']['problems'] = ['usage calls: 1, the truth is 2']
        self.assertEqual(['bulk-h1-identity-8: usage calls: 1, the truth is 2'], report.problems(found))

    def test_a_soak_that_grows_or_loses_is_a_problem(self):
        def soak(flat, lost):
            return {'peer': 'antigravity-proxy', 'problems': [], 'flat': flat, 'slope_kib_per_minute': 7,
                    'figures': {'lost': lost, 'disordered': 0}}
        self.assertEqual([], report.problems({'scenarios': [], 'soak': [soak(True, 0)]}))
        self.assertEqual(['soak: 3 events lost', 'soak: memory grows by 7 KiB a minute'],
                         report.problems({'scenarios': [], 'soak': [soak(False, 3)]}))

    def test_runs_of_parts_make_one_table(self):
        one, other, again = results(direct=('mb_per_s', 5)), results(direct=('mb_per_s', 6)), results(direct=('mb_per_s', 7))
        other['scenarios'][0]['name'] = 'bulk-h2-identity-8'
        one['command'], other['command'], again['command'] = 'a', 'b', 'c'
        whole = report.together([one, other, again])
        self.assertEqual('a`, `b`, `c', whole['command'])
        figures = {s['name']: s['peers']['direct']['figures']['mb_per_s']['median'] for s in whole['scenarios']}
        self.assertEqual({'bulk-h1-identity-8': 7, 'bulk-h2-identity-8': 6}, figures)
        self.assertEqual(one, report.together([one]))

    def test_fills_the_document_between_its_marks(self):
        found = results(direct=('mb_per_s', 5))
        text = report.markdown(found)
        once = report.into_document('above\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nbelow\n', text)
        self.assertTrue(once.startswith('above\n') and once.endswith('\nbelow\n') and 'old' not in once)
        self.assertEqual(once, report.into_document(once, text))
        with self.assertRaises(ValueError):
            report.into_document(once, text, 'ledger')

    def test_the_manual_has_the_marks(self):
        text = (ROOT / 'docs/performance.md').read_text()
        for name in ('bench', 'readers', 'ledger', 'metrics'):
            self.assertEqual((1, 1), (text.count(f'<!-- {name}:begin -->'), text.count(f'<!-- {name}:end -->')))


class Rounds(unittest.TestCase):
    """What is measured is made up; nothing runs."""

    class Made(scenarios.Bench):
        def __init__(self, rounds, direct):
            super().__init__([], None, None, rounds)
            self.peers = {'direct': None, 'haproxy': type('Peer', (), {'ports': {'h1': 1}})()}
            self.direct, self.asked = iter(direct), 0

        def turn(self, scenario, name, outcome):
            if name == 'direct':
                return {'mb_per_s': next(self.direct)}
            self.asked += 1
            return {'mb_per_s': 50 + self.asked}

    def run_made(self, rounds, direct):
        bench = self.Made(rounds, direct)
        scenario = scenarios.Scenario('x', 'made up', {'scenario': 'bulk'}, None, 'mb_per_s')
        return bench.run(scenario), bench

    def test_a_steady_machine_takes_as_many_rounds_as_are_wanted(self):
        result, bench = self.run_made(3, [100] * 8)
        self.assertEqual((3, 0, ''), (result['rounds'], result['discarded'], result['refused']))
        self.assertEqual(4, bench.asked)  # and the warm-up
        self.assertEqual([52, 53, 54], result['peers']['haproxy']['figures']['mb_per_s']['values'])

    def test_a_disturbed_round_is_measured_again_and_said_to_be(self):
        result, _ = self.run_made(2, [100, 100, 100, 101, 100, 190, 102, 103])
        self.assertEqual((3, 1, ''), (result['rounds'], result['discarded'], result['refused']))
        self.assertEqual([52, 54], result['peers']['haproxy']['figures']['mb_per_s']['values'])
        result['group'] = 'bulk'
        self.assertIn('1 of 3 rounds discarded', report.scenario_table({'scenarios': [result]}, result))

    def test_a_machine_that_never_rests_is_refused(self):
        result, _ = self.run_made(2, [100 * 1.3 ** n for n in range(18)])
        self.assertEqual(8, result['rounds'])
        self.assertIn('direct moved by more than 20%', result['refused'])


class Snapshot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree, self.copy = Path(folder.name, 'tree'), Path(folder.name, 'copy')
        (self.tree / 'daemon').mkdir(parents=True)
        (self.tree / 'daemon/a.h').write_text('one')
        (self.tree / 'daemon/b.h').write_text('two')

    def test_follows_the_tree_and_leaves_alone_what_is_the_same(self):
        world.snapshot(self.tree, self.copy)
        stamp = (self.copy / 'daemon/a.h').stat().st_mtime_ns
        (self.tree / 'daemon/b.h').unlink()
        (self.tree / 'daemon/c.h').write_text('three')
        (self.tree / 'daemon/a.h').touch()
        world.snapshot(self.tree, self.copy)
        self.assertEqual({'a.h', 'c.h'}, {p.name for p in (self.copy / 'daemon').iterdir()})
        self.assertEqual(stamp, (self.copy / 'daemon/a.h').stat().st_mtime_ns)

    def test_a_change_while_it_is_copied_is_in_the_copy_as_a_whole(self):
        real, edits = world.sources, iter([True])

        def edited(root):
            found = real(root)
            if next(edits, False):  # after the first look, and before the copy
                (self.tree / 'daemon/a.h').write_text('uno!')
                (self.tree / 'daemon/b.h').write_text('due!')
            return found
        with unittest.mock.patch.object(world, 'sources', edited):
            world.snapshot(self.tree, self.copy)
        self.assertEqual(['uno!', 'due!'], [(self.copy / 'daemon' / n).read_text() for n in ('a.h', 'b.h')])

    def test_a_tree_that_never_rests_is_refused(self):
        counter = iter(range(1000))

        def restless(root):
            (self.tree / 'daemon/a.h').write_text('x' * next(counter))
            return {Path('daemon/a.h')}
        with unittest.mock.patch.object(world, 'sources', restless), self.assertRaises(world.Unusable):
            world.snapshot(self.tree, self.copy)


class CommandLine(unittest.TestCase):
    def bench(self, *arguments):
        return subprocess.run([sys.executable, '-B', str(ROOT / 'scripts/bench'), *arguments], text=True, capture_output=True)

    def test_help_needs_no_root(self):
        self.assertIn('--quick', self.bench('--help').stdout)

    def test_lists_every_scenario(self):
        listed = self.bench('--list').stdout
        for scenario in scenarios.catalogue(scenarios.Sizes(), 4096):
            self.assertIn(scenario.name, listed)

    def test_refuses_unknown_names(self):
        self.assertEqual(2, self.bench('--peers', 'squid').returncode)


if __name__ == '__main__':
    unittest.main()
