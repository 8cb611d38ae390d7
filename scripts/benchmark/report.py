"""From results to tables: ratios in the same run beside what we aim for. Pure text in, text out."""

from peers import DIRECT, OURS

# what, scenario, metric, whether more is better, (peer to compare with, limit), stretch, scenario of that peer if another
TARGETS = (
    ('full-speed SSE, 1 connection', 'bulk-h1-identity-1', 'mb_per_s', True, ('haproxy', 1.0), ('nginx-stream', 1.0)),
    ('full-speed SSE, 8 connections', 'bulk-h1-identity-8', 'mb_per_s', True, ('haproxy', 1.0), ('nginx-stream', 1.0)),
    ('CPU per GB, identity, 8 connections', 'bulk-h1-identity-8', 'cpu_s_per_gb', False, ('haproxy', 1.05), ('nginx-stream', 1.0)),
    ('CPU per GB on the wire, gzip, 8 connections', 'bulk-h1-gzip-8', 'cpu_s_per_gb', False, ('haproxy', 5.0), ('haproxy', 2.5)),
    ('new connections per core, two full handshakes', 'handshakes-full', 'per_core', True, ('haproxy', 1.0), None),
    ('new connections per core, upstream resumed', 'handshakes-tickets', 'per_core', True, None, ('haproxy', 1.3, 'handshakes-full')),
    ('small calls per core, 8 connections', 'requests-h1-8', 'per_core', True, ('haproxy', 1.0), ('nginx-http', 1.0)),
    ('small calls per core, 32 connections', 'requests-h1-32', 'per_core', True, ('haproxy', 1.0), ('nginx-http', 1.0)),
    *((f'added delay of an event, {n} stream{"s" if n > 1 else ""}, {p}', f'latency-h1-{n}', 'added_' + m, False,
       ('nginx-stream', 1.5 if p == 'p99.9' else 1.0), ('nginx-http', 1.0))
      for n in (1, 100, 1000) for p, m in (('p50', 'p50_us'), ('p99', 'p99_us'), ('p99.9', 'p999_us'))),
    ('first event after connect', 'first-h1', 'first_event_us', False, ('haproxy', 1.0), ('nginx-http', 1.2)),
    ('handshake for a name never seen', 'fresh', 'handshake_us', False, (DIRECT, 1.5), (DIRECT, 1.2)),
    ('KiB for an idle connection, 1,000 held', 'idle-1000', 'kib_per_connection', False, (None, 46), (None, 21)),
    ('KiB for an idle connection, 9,500 held', 'idle-9500', 'kib_per_connection', False, (None, 46), (None, 21)),
    ('h2 full-speed SSE, 1 connection', 'bulk-h2-identity-1', 'mb_per_s', True, ('nginx-http', 1.0), (DIRECT, 0.9)),
    ('h2 full-speed SSE, 8 connections', 'bulk-h2-identity-8', 'mb_per_s', True, ('nginx-http', 1.0), (DIRECT, 0.9)),
    ('h2 small calls a second, 8 connections', 'requests-h2-8', 'per_s', True, ('nginx-http', 1.0), (DIRECT, 0.9)),
    ('h2 small calls a second, 32 connections', 'requests-h2-32', 'per_s', True, ('nginx-http', 1.0), (DIRECT, 0.9)),
    ('CPU share of reading, identity', 'reading', 'identity_share', False, (None, 0.15), (None, 0.08)),
    ('idle daemon, MiB', 'idle-1000', 'idle_mib', False, (None, 16), None),
    ('start to listening, ms', 'idle-1000', 'start_ms', False, (None, 150), None),
)

COLUMNS = {
    'bulk': (('MB/s', 'mb_per_s', '{:.0f}'), ('CPU s/GB', 'cpu_s_per_gb', '{:.2f}'), ('of its core', 'core_used', '{:.0%}')),
    'handshakes': (('per core', 'per_core', '{:.0f}'), ('a second', 'per_s', '{:.0f}'), ('of its core', 'core_used', '{:.0%}'),
                   ('p50 µs', 'p50_us', '{:.0f}'), ('p99 µs', 'p99_us', '{:.0f}')),
    'latency': (('added p50 µs', 'added_p50_us', '{:.0f}'), ('p99', 'added_p99_us', '{:.0f}'), ('p99.9', 'added_p999_us', '{:.0f}'),
                ('CPU µs/event', 'cpu_us_per_event', '{:.1f}'), ('lost', 'lost', '{:.0f}'), ('merged', 'merged', '{:.0f}')),
    'first': (('first byte µs', 'first_byte_us', '{:.0f}'), ('first event µs', 'first_event_us', '{:.0f}'), ('handshake µs', 'handshake_us', '{:.0f}')),
    'fresh': (('handshake µs', 'handshake_us', '{:.0f}'), ('p99 µs', 'handshake_p99_us', '{:.0f}')),
    'idle': (('KiB/connection', 'kib_per_connection', '{:.1f}'), ('idle MiB', 'idle_mib', '{:.1f}'), ('start ms', 'start_ms', '{:.0f}')),
    'reading': (('share, identity', 'identity_share', '{:.1%}'), ('share, gzip', 'gzip_share', '{:.1%}'),
                ('CPU s/GB read', 'identity_read_cpu_s_per_gb', '{:.2f}'), ('unread', 'identity_unread_cpu_s_per_gb', '{:.2f}')),
}
COLUMNS['requests'] = COLUMNS['handshakes']


def scenarios(results):
    return {s['name']: s for s in results['scenarios']}


def added(scenario, peer, metric):
    """What a peer adds to direct; None when direct itself moved by more than that."""
    through, direct = (scenario['peers'].get(p, {}).get('figures', {}).get(metric) for p in (peer, DIRECT))
    if not through or not direct:
        return None
    more = through['median'] - direct['median']
    return more if peer == DIRECT or more > direct['max'] - direct['min'] else None


def figure(results, scenario, peer, metric):
    """The median, or None when there is none or it may not be reported. added_* is over direct."""
    found = scenarios(results).get(scenario)
    if not found or found['refused']:
        return None
    if metric.startswith('added_'):
        return added(found, peer, metric[len('added_'):])
    entry = found['peers'].get(peer, {})
    if entry.get('skipped') or metric not in entry.get('figures', {}):
        return None
    return entry['figures'][metric]['median']


def compare(results, scenario, metric, more_is_better, aim):
    """@return (ratio or absolute figure, whether the aim is reached), or None when it cannot be said."""
    ours = figure(results, scenario, OURS, metric)
    if ours is None or aim is None:
        return None
    peer, limit, *other = aim
    value = ours
    if peer is not None:
        theirs = figure(results, other[0] if other else scenario, peer, metric)
        if theirs is None or theirs <= 0:
            return None
        value = ours / theirs
    return value, value >= limit if more_is_better else value <= limit


def verdicts(results):
    rows = []
    for what, scenario, metric, more, aim, stretch in TARGETS:
        ours = figure(results, scenario, OURS, metric)
        row = {'what': what, 'scenario': scenario, 'metric': metric, 'ours': ours}
        for name, wanted in (('target', aim), ('stretch', stretch)):
            found = compare(results, scenario, metric, more, wanted)
            row[name] = None if wanted is None else {
                'peer': wanted[0], 'limit': wanted[1], 'value': found[0] if found else None, 'reached': found[1] if found else None}
        if ours is None:
            scenario_result = scenarios(results).get(scenario)
            row['why'] = 'not run' if not scenario_result else scenario_result['refused'] or \
                scenario_result['peers'].get(OURS, {}).get('skipped') or 'no figure'
        rows.append(row)
    return rows


def aim_text(aim, more):
    if aim is None:
        return '–', ''
    sign = '≥' if more else '≤'
    limit = f'{aim["limit"]:g}' + (f' × {aim["peer"]}' if aim['peer'] else '')
    if aim['value'] is None:
        return f'{sign} {limit}', '?'
    value = f'{aim["value"]:.2f} ×' if aim['peer'] else f'{aim["value"]:.3g}'
    return f'{sign} {limit}', value + (' ✓' if aim['reached'] else ' ✗')


def targets_table(results):
    lines = ['| What | Target | Here | Stretch | Here |', '|---|---|---|---|---|']
    more = {(t[0]): t[3] for t in TARGETS}
    for row in verdicts(results):
        if row.get('why') == 'not run':
            continue
        target, here = aim_text(row['target'], more[row['what']])
        stretch, there = aim_text(row['stretch'], more[row['what']])
        if row['ours'] is None:
            here = there = row['why']
        lines.append(f'| {row["what"]} | {target} | {here} | {stretch} | {there} |')
    return '\n'.join(lines)


def cell(results, scenario, peer, metric, pattern):
    value = figure(results, scenario, peer, metric)
    if value is None:
        return '–'
    entry = scenarios(results)[scenario]['peers'][peer]['figures'].get(metric)
    text = pattern.format(value)
    if entry and entry['median'] and len(entry['values']) > 1:
        text += f' ±{(entry["max"] - entry["min"]) / 2 / abs(entry["median"]):.0%}'
    return text


def scenario_table(results, scenario):
    lines = [f'**{scenario["name"]}**: {scenario["about"]}']
    if scenario['refused']:
        return lines[0] + f'. Not reported: {scenario["refused"]}.'
    columns = COLUMNS[scenario['group']]
    if scenario.get('discarded'):
        lines[0] += f'. {scenario["discarded"]} of {scenario["rounds"]} rounds discarded, because direct moved'
    lines += ['', '| Peer | ' + ' | '.join(c[0] for c in columns) + ' | Remarks |', '|---' * (len(columns) + 2) + '|']
    for peer, entry in scenario['peers'].items():
        remarks = entry['skipped'] or '; '.join(entry['problems'])
        cells = [cell(results, scenario['name'], peer, metric, pattern) for _, metric, pattern in columns]
        lines.append(f'| {peer} | ' + ' | '.join(cells) + f' | {remarks} |')
    return '\n'.join(lines)


def soak_text(soak):
    f = soak['figures']
    flat = {True: 'flat', False: 'growing', None: 'too short to say'}[soak['flat']]
    memory = '' if soak['flat'] is None else (f' {soak["rss_mib_first"]} → {soak["rss_mib_last"]} MiB, {soak["slope_kib_per_minute"]} KiB a '
                                              'minute:')
    truth = ' Usage equals the truth.' if soak['peer'] == OURS else ''
    return (f'**soak**, {soak["peer"]}: {soak["streams"]} streams for {soak["seconds"]:g} s, {soak["calls"]} calls, {f["events"]:.0f} events, '
            f'{f["lost"]:.0f} lost, {f["merged"]:.0f} merged; memory:{memory} {flat}.' +
            (' ' + '; '.join(soak['problems']) if soak['problems'] else truth))


def together(runs):
    """One result of several runs. A scenario is of one run as a whole, the last that has it: only figures of one run are compared."""
    whole = dict(runs[-1])
    if len(runs) > 1:
        found = {s['name']: s for run in runs for s in run['scenarios']}
        whole['scenarios'] = list(found.values())
        whole['soak'] = [s for run in runs for s in run.get('soak', ())]
        whole['command'] = '`, `'.join(run['command'] for run in runs)
        whole['skipped'] = {k: v for run in runs for k, v in run['skipped'].items()}
        whole['versions'] = {k: v for run in runs for k, v in run['versions'].items()}
        whole['targets'] = verdicts(whole)
    return whole


def problems(results):
    """Everything that makes a figure of ours doubtful."""
    found = [f'{s["name"]}: {p}' for s in results['scenarios'] for p in s['peers'].get(OURS, {}).get('problems', ())]
    for soak in results.get('soak', ()):
        if soak['peer'] == OURS:
            found += [f'soak: {p}' for p in soak['problems']]
            found += [f'soak: {soak["figures"][what]:.0f} events {what}' for what in ('lost', 'disordered') if soak['figures'][what]]
            if soak['flat'] is False:
                found.append(f'soak: memory grows by {soak["slope_kib_per_minute"]} KiB a minute')
    return found


def markdown(results):
    machine = results['machine']
    lines = [f'`{results["command"]}`', '',
             f'{machine["cores"]} cores ({machine["cpu"]}), Linux {machine["kernel"]}, {machine["openssl"]}, {machine["go"]}; '
             f'{results["rounds"]} rounds. ' + ', '.join(f'{n} {v}' for n, v in results['versions'].items() if v) + '.']
    for name, why in results['skipped'].items():
        lines += ['', f'Skipped: {name}: {why}']
    if any(row.get('why') != 'not run' for row in verdicts(results)):
        lines += ['', targets_table(results)]
    for scenario in results['scenarios']:
        lines += ['', scenario_table(results, scenario)]
    for soak in results.get('soak', ()):
        lines += ['', soak_text(soak)]
    return '\n'.join(lines) + '\n'


def into_document(document, text, name='bench'):
    """The document with the block between the two marks of that name filled."""
    begin, end = f'<!-- {name}:begin -->', f'<!-- {name}:end -->'
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f'no {begin} … {end} in the document')
    return f'{before}{begin}\n{text}{end}{after}'
