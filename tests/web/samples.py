"""Answers of the API, made up: what the page shows in the pictures of the documentation.

Everything follows from `now` alone, so that two runs at the same time of day give the same picture.
"""

import datetime
import math
import random

MODELS = (('gemini-3-pro-high', 900, 0.0000031), ('claude-opus-4-6-thinking', 520, 0.0000098), ('gemini-3-flash', 1300, 0.00000052),
          ('claude-sonnet-4-6', 310, 0.0000042), ('gpt-oss-120b-medium', 90, None))
NO_SUMS = {key: 0 for key in ('calls', 'ok', 'partial', 'errors', 'usage_unknown', 'input_total', 'input_uncached', 'cached_input',
                              'cache_write', 'tool_use_prompt', 'output_total', 'reasoning', 'total', 'reasoning_unknown', 'unpriced')}
CASCADES = ('3f0c2a77-8c1e-4b0e-9d55-1d1a4c7f9b10', 'b1d7e0c4-52a9-4a3f-8f67-7a90c1f7e2aa', '9ae4417d-0f7b-4f0b-9c3b-5d0b6ad1c935',
            '57c9be12-1b8e-4f0a-a6c9-22f3be0917dd', 'e04a9f36-6f11-4cb2-bb0e-90c1d7a5e8f2')


def rfc3339(at):
    return at.astimezone(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%f') + 'Z'


def sums(calls, tokens, price, unknown=0):
    cached, output = int(tokens * 0.61), int(tokens * 0.035)
    cost = None if price is None or tokens == 0 else tokens * price * 0.34
    return {**NO_SUMS, 'calls': calls, 'ok': calls - unknown, 'partial': unknown, 'usage_unknown': unknown, 'input_total': tokens - output,
            'input_uncached': tokens - output - cached, 'cached_input': cached, 'output_total': output, 'total': tokens, 'flags': {},
            'cost_usd_estimate': cost, 'unpriced': calls if price is None else unknown}


def added(all_sums):
    out = dict(NO_SUMS, flags={}, cost_usd_estimate=None)
    for one in all_sums:
        for key in NO_SUMS:
            out[key] += one[key]
        if one['cost_usd_estimate'] is not None:
            out['cost_usd_estimate'] = (out['cost_usd_estimate'] or 0) + one['cost_usd_estimate']
    return out


class World:
    """A month of somebody who works with the IDE on most days."""

    def __init__(self, now):
        self.now = now
        self.midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        dice = random.Random(7)
        self.days = {back: self._day(dice, back) for back in range(30)}

    def _day(self, dice, back):
        weekday = (self.midnight - datetime.timedelta(days=back)).weekday()
        effort = (0.12 if weekday > 4 else 1) * (0.5 + dice.random()) * (1.25 - back / 60)
        made = {}
        for name, weight, price in MODELS:
            calls = int(weight * effort * (0.6 + dice.random()) / 9)
            if calls and not (name.startswith('gpt') and back % 4):
                made[name] = sums(calls, int(calls * (21000 + 30000 * dice.random())), price, 1 if back in (3, 11) and 'opus' in name else 0)
        return made

    def _hours(self):
        """Today by hour: a working day up to now."""
        for hour in range(0, self.now.hour + 1):
            share = max(0.0, math.sin((hour - 7) / 11 * math.pi)) * (0.55 + 0.45 * math.sin(hour * 2.1) ** 2) if 7 < hour < 18 else 0
            for name, _, price in MODELS[:4]:
                calls = int(11 * share)
                if calls:
                    yield hour, name, sums(calls, int(calls * (26000 + 900 * len(name) * (hour % 3))), price)

    def _groups(self, since):
        if since == 'today':
            return [({'model': name, 'hour': (self.midnight + datetime.timedelta(hours=hour)).isoformat()}, one)
                    for hour, name, one in self._hours()]
        first = datetime.date.fromisoformat(since)
        out = []
        for back, models in self.days.items():
            day = (self.midnight - datetime.timedelta(days=back)).date()
            if day >= first:
                out += [({'model': name, 'day': day.isoformat()}, one) for name, one in models.items()]
        return out

    def usage(self, query):
        groups = self._groups(query['since'])
        totals = added(one for _, one in groups)
        if query['group_by'] == 'model':
            groups = [({'model': name}, added(one for key, one in groups if key['model'] == name))
                      for name in sorted({key['model'] for key, _ in groups})]
        if query['group_by'] == 'cascade':
            groups = [({'cascade': each}, sums(47 - 9 * at, 1900000 - 370000 * at, 0.0000034)) for at, each in enumerate(CASCADES)]
            groups.append(({'cascade': None}, sums(31, 61000, 0.0000005)))
        return {'schema': 'antigravity-proxy.usage.v1', 'generated_at': rfc3339(self.now), 'since': None, 'until': None, 'timezone': 'UTC',
                'cost_basis': 'list price estimate', 'covers_since': None, 'covers_until': None, 'coarse_before': None, 'totals': totals,
                'groups': [{'key': key, **one} for key, one in groups]}

    def record(self, number, ago, model, tokens, price, kind='agent', outcome='ok', usage=True):
        began = self.now - datetime.timedelta(seconds=ago + 9)
        one = sums(1, tokens, price)
        return {'schema': 'antigravity-proxy.record.v1', 'id': f'01J{number:023d}', 'sequence': 10000 - number, 'started_at': rfc3339(began),
                'ended_at': rfc3339(began + datetime.timedelta(seconds=2.2 + tokens / 9000)), 'request_kind': kind, 'model': model,
                'cascade_id': CASCADES[0], 'http_status': 200, 'outcome': outcome, 'error': None, 'closed_by': None if usage else 'client',
                'usage': {key: one[key] for key in ('input_total', 'cached_input', 'output_total', 'total')} if usage else None,
                'cost_usd': one['cost_usd_estimate'] if usage else None}

    def records(self, _query):
        dice = random.Random(3)
        out = []
        for number in range(60):
            model, _, price = MODELS[(number * number) % 5 if number % 7 else 2]
            tokens = int(3000 + 60000 * dice.random() ** 2)
            is_cut = number == 3
            out.append(self.record(number, 4 + number * 9, model, tokens, price, 'checkpoint' if number % 9 == 8 else 'agent',
                                   'partial' if is_cut else 'ok', not is_cut))
        return {'schema': 'antigravity-proxy.records.v1', 'generated_at': rfc3339(self.now), 'records': out, 'next_cursor': None}

    def quota(self, _query):
        def allowance(left, hours, forecast):
            return {'remaining_fraction': left, 'unknown_because': None if left is not None else 'placeholder',
                    'resets_at': rfc3339(self.now + datetime.timedelta(hours=hours)), 'resets_in_seconds': int(hours * 3600), 'forecast': forecast}
        soon = {'empty_at': rfc3339(self.now + datetime.timedelta(hours=2.4)), 'rate_per_hour': 0.13, 'basis_seconds': 5400}
        lasts = {'empty_at': None, 'rate_per_hour': 0.012, 'basis_seconds': 5400}
        buckets = [{'id': 'a', 'name': 'Gemini models', 'window': '5h', **allowance(0.62, 3.2, {**lasts, 'rate_per_hour': 0.08})},
                   {'id': 'b', 'name': 'Gemini models', 'window': 'weekly', **allowance(0.83, 91, lasts)},
                   {'id': 'c', 'name': 'Claude and GPT models', 'window': '5h', **allowance(0.31, 3.2, soon)},
                   {'id': 'd', 'name': 'Claude and GPT models', 'window': 'weekly', **allowance(None, 91, None)}]
        models = [{'id': name, 'name': name, 'slot': None, 'disabled': False, **allowance(0.62 if 'gemini' in name else 0.31, 3.2, None)}
                  for name, _, _ in MODELS]
        return {'schema': 'antigravity-proxy.quota.v1', 'generated_at': rfc3339(self.now), 'state': 'current', 'read_at': rfc3339(self.now),
                'age_seconds': 42, 'problem': None, 'uid': 1000, 'plan': {'name': 'Pro'}, 'models': models,
                'pools': [{'name': 'Pools', 'buckets': buckets}]}

    def history(self, _query):
        def points(window_hours, use):
            out = []
            for step in range(7 * 24 * 2):
                at = self.now - datetime.timedelta(minutes=30 * (7 * 24 * 2 - 1 - step))
                into = (at.timestamp() / 3600 + window_hours / 3) % window_hours
                left = None if 60 < step < 70 and use > 0.1 else max(0.05, 1 - use * into * (1 if window_hours > 24 or 8 <= at.hour < 18 else 0.1))
                out.append({'at': rfc3339(at), 'remaining_fraction': left, 'resets_at': None})
            return out
        series = [('Gemini models', '5h', 0.09), ('Claude and GPT models', '5h', 0.17), ('Gemini models', 'weekly', 0.0025)]
        return {'schema': 'antigravity-proxy.quota-history.v1', 'generated_at': rfc3339(self.now), 'since': None, 'until': None,
                'series': [{'kind': 'pool', 'name': name, 'window': window, 'points': points(5 if window == '5h' else 168, use)}
                           for name, window, use in series]}

    def status(self, _query):
        problem = {'code': 'process-scan', 'message': 'the second window of the IDE lends no login', 'severity': 'waiting',
                   'remedy': 'nothing to do: the first one is in use'}
        return {'schema': 'antigravity-proxy.status.v1', 'generated_at': rfc3339(self.now), 'state': 'ok', 'version': '0.1.0',
                'started_at': rfc3339(self.now - datetime.timedelta(days=5, hours=3)), 'capture': {'mode': 'service', 'active': True},
                'helper': {'reachable': True, 'limits_enforced': True}, 'ca': {'not_after': rfc3339(self.now + datetime.timedelta(days=300))},
                'ledger': {'records': 84213, 'last_record_at': rfc3339(self.now), 'health': 'ok', 'waiting': 0},
                'prices': {'version': 'x', 'date': '2026-11-19'},
                'language_server': {'mode': 'managed', 'state': 'running', 'waits_for': None},
                'interception': {'open': 3, 'calls_under_way': 2, 'intercepted': 9120, 'tunnelled': 1451, 'unparsed': 0, 'refused_by_client': [], 'refused_by_upstream': []},
                'problems': [problem]}


def empty(document):
    """The same for somebody who has not begun."""
    if document['schema'].endswith('usage.v1'):
        return {**document, 'totals': added([]), 'groups': []}
    if document['schema'].endswith('records.v1'):
        return {**document, 'records': []}
    if document['schema'].endswith('quota-history.v1'):
        return {**document, 'series': []}
    return document
