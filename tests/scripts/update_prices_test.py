"""The conversion of scripts/update-prices: a package made up here, no network, and each fault that must end it."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'update-prices'
loader = importlib.machinery.SourceFileLoader('update_prices', str(SCRIPT))
update_prices = importlib.util.module_from_spec(importlib.util.spec_from_loader('update_prices', loader))
loader.exec_module(update_prices)

FLAT = {'id': 'flat', 'match': {'equals': 'flat'}, 'prices': {'input_mtok': 0.1, 'output_mtok': 2.5}}
PROVIDERS = [
    {'id': 'anthropic', 'models': [FLAT]},
    {'id': 'google', 'fallback_model_providers': ['anthropic', 'somebody-else'], 'models': [{
        'id': 'tiered', 'match': {'or': [{'starts_with': 'tiered-'}, {'equals': 'tiered'}]},
        # What the reader does not need stays behind.
        'name': 'Tiered', 'context_window': 1000,
        'prices': {'input_mtok': {'base': 1.25, 'tiers': [{'start': 500000, 'price': 4}, {'start': 200000, 'price': 2.5}]},
                   'cache_read_mtok': 0.125, 'web_searches_kcount': 35, 'audio_hours': 9.9, 'output_mtok': 10},
    }]},
    {'id': 'openai', 'models': [{
        'id': 'dated', 'match': {'contains': 'dated'},
        'prices': [{'prices': {'input_mtok': 3, 'output_mtok': 4}},
                   {'constraint': {'type': 'start_date', 'start_date': '2026-02-01'},
                    'prices': {'input_mtok': 1, 'output_mtok': 2}},
                   {'constraint': {'type': 'time_of_date', 'start_time': '16:30:00Z', 'end_time': '00:30:05Z'},
                    'prices': {'input_mtok': 0.5, 'output_mtok': 1}}],
    }]},
    {'id': 'azure', 'models': []},
]
EXPECTED = {
    'schema': 'antigravity-proxy.prices.v1',
    'version': 'genai-prices-9.8.7',
    'date': '2026-03-04',
    'source': 'npm package @pydantic/genai-prices 9.8.7',
    'licence': 'MIT, text in LICENSE.genai-prices',
    'unit': 'micro-USD per million tokens or per thousand searches',
    'made_by': 'scripts/update-prices',
    'providers': [
        {'id': 'anthropic', 'fallback': [], 'models': [
            {'id': 'flat', 'match': {'equals': 'flat'}, 'prices': [{'input': 100000, 'output': 2500000}]}]},
        {'id': 'google', 'fallback': ['anthropic'], 'models': [
            {'id': 'tiered', 'match': {'or': [{'starts_with': 'tiered-'}, {'equals': 'tiered'}]},
             'prices': [{'input': {'base': 1250000, 'above': [[200000, 2500000], [500000, 4000000]]}, 'cached': 125000,
                         'web_search': 35000000, 'output': 10000000}]}]},
        {'id': 'openai', 'fallback': [], 'models': [
            {'id': 'dated', 'match': {'contains': 'dated'},
             'prices': [{'input': 3000000, 'output': 4000000},
                        {'start_date': '2026-02-01', 'input': 1000000, 'output': 2000000},
                        {'daily': [59400, 1805], 'input': 500000, 'output': 1000000}]}]},
        {'id': 'azure', 'fallback': [], 'models': []},
    ],
}
# What the script asks of a package, for the providers above: the price of a call is its input alone.
INDEX = '''
const providers = %s;
const priceOf = (model, date) => {
  if (!Array.isArray(model.prices)) return model.prices;
  const dated = model.prices.filter(e => !e.constraint ||
    (e.constraint.type === 'start_date' && Date.parse(e.constraint.start_date) <= date));
  return dated[dated.length - 1].prices;
};
exports.findProvider = ({providerId}) => providers.find(p => p.id === providerId);
exports.calcPrice = (usage, name, {providerId, timestamp}) => {
  const model = exports.findProvider({providerId}).models.find(m => JSON.stringify(m).includes(`"${name}"`));
  if (!model) return null;
  const price = priceOf(model, timestamp.getTime());
  const each = typeof price.input_mtok === 'object' ? price.input_mtok.base : price.input_mtok;
  return {model_price: price, total_price: usage.input_tokens * each / 1e6};
};
'''


def convert(providers):
    dump = {'providers': providers, 'usages': [{'input_tokens': 7}], 'checks': [['anthropic', 'flat', 1767225600000, 0, 700000]]}
    return update_prices.convert(dump, 'Some licence\n', '9.8.7', '2026-03-04')


def one(prices):
    return [{'id': 'anthropic', 'models': [{**FLAT, 'prices': prices}]}]


class Conversion(unittest.TestCase):
    maxDiff = None

    def test_prices_become_integers_under_the_names_of_this_product(self):
        files = convert(PROVIDERS)
        self.assertEqual({'prices.json', 'checks.json', 'LICENSE.genai-prices'}, set(files))
        self.assertEqual(EXPECTED, json.loads(files['prices.json']))
        self.assertEqual('Some licence\n', files['LICENSE.genai-prices'])

    def test_checks_come_along_as_they_are(self):
        checks = json.loads(convert(PROVIDERS)['checks.json'])
        self.assertEqual('genai-prices-9.8.7', checks['version'])
        self.assertEqual([{'input_tokens': 7}], checks['usages'])
        self.assertEqual([['anthropic', 'flat', 1767225600000, 0, 700000]], checks['checks'])

    def test_a_difference_can_be_read_line_by_line(self):
        other = json.loads(json.dumps(PROVIDERS))
        other[0]['models'][0]['prices']['input_mtok'] = 0.2
        before, after = (convert(each)['prices.json'].splitlines() for each in (PROVIDERS, other))
        self.assertEqual(1, sum(a != b for a, b in zip(before, after)))
        self.assertEqual(convert(PROVIDERS), convert(json.loads(json.dumps(PROVIDERS))), 'the same twice')

    def test_decimals_are_taken_as_they_are_written(self):
        for written, micros in ((0.1 + 0.2, None), (0.3, 300000), (0.000001, 1), (1e-6, 1), (0, 0), (15, 15000000), (0.0375, 37500)):
            with self.subTest(written):
                if micros is None:
                    self.assertEnds('no whole number of micro-USD', one({'input_mtok': written}))
                else:
                    self.assertEqual(micros, update_prices.micros(written))

    def assertEnds(self, why, providers):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
            convert(providers)
        self.assertIn(why, str(ended.exception.code))

    def test_what_it_does_not_understand_ends_it(self):
        dated = lambda constraint: one([{'constraint': constraint, 'prices': {'input_mtok': 1}}])
        self.assertEnds('unknown unit smell_mtok', one({'smell_mtok': 1}))
        self.assertEnds('no whole number', one({'input_mtok': -1}))
        self.assertEnds('no whole number', one({'input_mtok': 0.0000001}))
        self.assertEnds('unknown constraint', dated({'type': 'weekday', 'day': 'Monday'}))
        self.assertEnds('not in UTC', dated({'type': 'time_of_date', 'start_time': '16:30:00+01:00', 'end_time': '17:00:00Z'}))


class Package(unittest.TestCase):
    """From the files of a package; this needs node, as the script does."""

    def setUp(self):
        if not shutil.which('node'):
            self.skipTest('node is not installed (package nodejs)')
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.package = Path(temporary.name)
        (self.package / 'dist').mkdir()
        (self.package / 'dist' / 'index.cjs').write_text(INDEX % json.dumps(PROVIDERS))
        (self.package / 'LICENSE').write_text('Some licence\n')

    def test_a_package_becomes_the_same_table(self):
        dump, licence = update_prices.read(self.package)
        files = update_prices.convert(dump, licence, '9.8.7', '2026-03-04')
        self.assertEqual(EXPECTED, json.loads(files['prices.json']))
        self.assertEqual('Some licence\n', files['LICENSE.genai-prices'])

    def test_every_name_is_asked_for_on_both_sides_of_every_date(self):
        dump, _ = update_prices.read(self.package)
        names = {(provider, name) for provider, name, *_ in dump['checks']}
        self.assertEqual({('anthropic', 'flat'), ('google', 'tiered'), ('google', 'tiered-'), ('openai', 'dated')}, names)
        february = 1769904000000
        dated = {(when, pico) for provider, name, when, usage, pico in dump['checks'] if name == 'dated' and usage == 0}
        self.assertIn((february - 1, 1300 * 3000000), dated)
        self.assertIn((february, 1300 * 1000000), dated)
        self.assertEqual({0, 1, 2}, {usage for _, _, _, usage, _ in dump['checks']})
        self.assertEqual(3, len(dump['usages']))


if __name__ == '__main__':
    unittest.main()
