"""What is measured: one row of the table each, run for every peer in turn, round after round."""

import json
import subprocess
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field

import figures
import world
from peers import DIRECT, OURS

MEGA, GIGA = 1e6, 1e9
# A scenario is given up after so many times the rounds that are wanted.
MOST_TIMES_THE_ROUNDS = 4


@dataclass
class Scenario:
    name: str
    about: str
    client: dict                     # options of the load generator
    metrics: object                  # (values of the client, CPU seconds or None) -> {metric: figure}
    watched: str                     # the metric of direct that must not move
    scaled: tuple = ()               # options that shrink with a peer's share
    protocol: str = 'h1'
    only: tuple = ()                 # peers, when not all
    quick: bool = False              # whether --quick has it
    kind: str = ''

    def group(self):
        return self.kind or self.client['scenario']


def per(amount, cpu):
    return amount / cpu if cpu else None


def bulk_metrics(v, cpu):
    return {'mb_per_s': v['bytes'] / MEGA / v['seconds'],
            'cpu_s_per_gb': cpu / (v['bytes'] / GIGA) if cpu is not None else None,
            'core_used': cpu / v['seconds'] if cpu is not None else None}


def rate_metrics(v, cpu):
    return {'per_s': v['done'] / v['seconds'], 'per_core': per(v['done'], cpu),
            'cpu_us': cpu / v['done'] * 1e6 if cpu is not None and v['done'] else None,
            'core_used': cpu / v['seconds'] if cpu is not None else None, 'p50_us': v['took_p50_us'], 'p99_us': v['took_p99_us']}


def paced_metrics(v, cpu):
    return {'p50_us': v['delay_p50_us'], 'p99_us': v['delay_p99_us'], 'p999_us': v['delay_p999_us'], 'max_us': v['delay_max_us'],
            'events': v['events'], 'lost': v['lost'], 'merged': v['merged'], 'disordered': v['disordered'],
            'cpu_us_per_event': cpu / v['events'] * 1e6 if cpu is not None else None}


def first_metrics(v, _):
    return {'first_event_us': v['first_event_p50_us'], 'first_byte_us': v['first_byte_p50_us'], 'handshake_us': v['handshake_p50_us']}


def fresh_metrics(v, _):
    return {'handshake_us': v['handshake_p50_us'], 'handshake_p99_us': v['handshake_p99_us']}


@dataclass
class Sizes:
    megabytes: int = 400      # for each connection at 1, an eighth of it at 8
    seconds: float = 3.0      # of handshakes and requests
    paced_seconds: float = 8.0
    iterations: int = 200

    @classmethod
    def quick(cls):
        return cls(megabytes=96, seconds=0.8, paced_seconds=2.0, iterations=60)


def catalogue(sizes, event_bytes):
    out = []
    for protocol in ('h1', 'h2'):
        for coding in ('identity', 'gzip'):
            for connections in (1, 8):
                # An h2 client multiplexes; several connections are what a load balancer makes of it.
                out.append(Scenario(
                    f'bulk-{protocol}-{coding}-{connections}',
                    f'full-speed SSE, {protocol}, {coding}, {connections} connection{"s" if connections > 1 else ""}',
                    {'scenario': 'bulk', 'connections': connections, 'coding': coding, 'event-bytes': event_bytes,
                     'bytes': int(sizes.megabytes * MEGA * (0.5 if coding == 'gzip' else 1) / connections)},
                    bulk_metrics, 'mb_per_s', ('bytes',), protocol,
                    quick=protocol == 'h1' and (coding == 'identity' or connections == 8)
                    or (protocol, coding, connections) == ('h2', 'identity', 1)))
    for name, about, host in (('full', 'no session can be resumed on either leg', world.HOST_WITHOUT_TICKETS),
                              ('tickets', 'the upstream leg may be resumed, the client never asks to', world.HOST)):
        out.append(Scenario(f'handshakes-{name}', f'new connections with one small call each; {about}',
                            {'scenario': 'handshakes', 'connections': 8, 'seconds': sizes.seconds, 'host': host},
                            rate_metrics, 'per_s', quick=name == 'full'))
    for protocol in ('h1', 'h2'):
        for connections in (8, 32):
            out.append(Scenario(f'requests-{protocol}-{connections}', f'small calls on {connections} kept-alive connections, {protocol}',
                                {'scenario': 'requests', 'connections': connections, 'seconds': sizes.seconds},
                                rate_metrics, 'per_s', protocol=protocol, quick=connections == 8))
    out.append(Scenario('requests-other-h1-8', 'small requests that are no model calls, 8 connections, h1',
                        {'scenario': 'requests', 'connections': 8, 'seconds': sizes.seconds, 'other': True},
                        rate_metrics, 'per_s'))
    for protocol in ('h1', 'h2'):
        for streams, every in ((1, 10_000), (100, 50_000), (1000, 200_000)):
            out.append(Scenario(
                f'latency-{protocol}-{streams}', f'delay of an event, {streams} stream{"s" if streams > 1 else ""} with one each '
                f'{every // 1000} ms, {protocol}',
                {'scenario': 'paced', 'streams': streams, 'connections': max(1, streams // 100), 'every-us': every,
                 'seconds': sizes.paced_seconds, 'events': int(sizes.paced_seconds * 1e6 / every)},
                paced_metrics, 'p50_us', protocol=protocol, quick=protocol == 'h1' and streams < 1000, kind='latency'))
    for protocol in ('h1', 'h2'):
        out.append(Scenario(f'first-{protocol}', f'from connect to the first event, p50, {protocol}',
                            {'scenario': 'first', 'iterations': sizes.iterations}, first_metrics, 'first_event_us',
                            ('iterations',), protocol, quick=protocol == 'h1'))
    out.append(Scenario('fresh', 'connect and handshake for a name never seen, p50',
                        {'scenario': 'fresh', 'iterations': sizes.iterations, 'host': world.FRESH_HOSTS}, fresh_metrics,
                        'handshake_us', ('iterations',), quick=True))
    return out


GROUPS = ('bulk', 'handshakes', 'requests', 'latency', 'first', 'fresh', 'idle', 'reading')


@dataclass
class Outcome:
    """What one peer did in one scenario."""
    rounds: dict = field(default_factory=dict)    # {number of the round: {metric: figure}}
    protocol: str = ''
    cipher: str = ''
    problems: list = field(default_factory=list)
    skipped: str = ''

    def figures(self, kept=None):
        """@param kept  numbers of the rounds that count; None for all."""
        rows = [r for number, r in self.rounds.items() if kept is None or number in kept]
        out = {}
        for metric in (rows[0] if rows else ()):
            values = [r[metric] for r in rows if r[metric] is not None]
            if values:
                out[metric] = figures.summary(values)
        return out


class Bench:
    def __init__(self, peers, scratch, load, rounds):
        self.peers = {p.name: p for p in peers}
        self.scratch, self.load, self.rounds = scratch, load, rounds
        self.upstream = None
        self.tokens = {}
        self.seed = 0

    # -- what runs

    def start_upstream(self, event_bytes):
        s = self.scratch
        self.upstream = world.Process('upstream', s, world.LOAD_CORE, [
            self.load, 'upstream', '-h1', f'{world.ADDRESSES["h1"]}:443', '-h2', f'{world.ADDRESSES["h2"]}:443', '-control', world.CONTROL,
            '-certificate', s / 'leaf.pem', '-key', s / 'leaf.key', '-event-bytes', str(event_bytes),
            '-no-tickets', world.HOST_WITHOUT_TICKETS])
        self.upstream.wait_until_listening('127.0.0.1', [int(world.CONTROL.split(':')[1])])
        self.tokens = self.truth()['tokens']

    def start_peers(self):
        """@return why those that could not be started could not."""
        failed = {}
        for name, peer in list(self.peers.items()):
            try:
                peer.start()
            except world.Unusable as why:
                failed[name] = str(why)
                peer.stop()
                del self.peers[name]
        self.write_trust()
        return failed

    def write_trust(self):
        text = (self.scratch / 'ca.pem').read_text() + ''.join(p.trust() for p in self.peers.values())
        (self.scratch / 'trust.pem').write_text(text)

    def stop(self):
        for peer in self.peers.values():
            peer.stop()
        if self.upstream:
            self.upstream.stop()

    # -- the truth and what we say

    def truth(self):
        with urllib.request.urlopen(f'http://{world.CONTROL}/', timeout=10) as answer:
            return json.load(answer)

    def usage(self):
        with urllib.request.urlopen(f'http://{world.API}/v1/usage', timeout=60) as answer:
            return json.load(answer)['totals']

    def check_usage(self, before, calls, seconds=20):
        """The ledger may still be writing: wait, but not for ever."""
        deadline = time.monotonic() + seconds
        while True:
            wrong = figures.wrong_usage(before, self.usage(), calls, self.tokens)
            if not wrong or time.monotonic() > deadline:
                return wrong
            time.sleep(0.3)

    # -- one measurement

    def client_command(self, peer, scenario, options):
        command = ['taskset', '-c', str(world.LOAD_CORE), 'setpriv', '--reuid', str(peer.uid), '--clear-groups',
                   str(self.load), 'client', '-protocol', scenario.protocol, '-address', f'{world.ADDRESSES[scenario.protocol]}:443',
                   '-trust', str(self.scratch / 'trust.pem')]
        for name, value in options.items():
            command += [f'-{name}={str(value).lower() if isinstance(value, bool) else value}']
        return command

    def options(self, peer, scenario):
        options = dict(scenario.client)
        # A peer that has not answered long after it should have is not waited for.
        options['limit'] = options.get('seconds', 0) * 2 + 60 + options.get('connections', 0) / 50
        for name in scenario.scaled:
            options[name] = max(1, int(options[name] * peer.share))
        if scenario.client['scenario'] == 'fresh':
            self.seed += options['iterations']
            options['seed'] = self.seed
        return options

    def measure(self, peer, scenario, watch=None):
        """watch runs while the client waits for its go (hold), or beside it (soak).
        @return (the client's result or None, CPU seconds of the peer or None, problems)"""
        options = self.options(peer, scenario)
        before = self.usage() if peer.name == OURS else None
        result, cpu, problems = None, None, []
        # The errors go to a file: nobody reads them until the client has ended.
        with tempfile.TemporaryFile('w+') as errors, subprocess.Popen(
                self.client_command(peer, scenario, options), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors) as client:
            guard = threading.Timer(options['limit'] + 60, client.kill)
            guard.start()
            try:
                line = client.stdout.readline()
                if line.startswith('{"ready"'):
                    start = peer.process.settled_cpu() if peer.process else None
                    if watch and scenario.client['scenario'] == 'hold':
                        watch(client)
                    client.stdin.write('\n')
                    client.stdin.flush()
                    if watch and scenario.client['scenario'] != 'hold':
                        watch(client)
                    line = client.stdout.readline()
                    if start is not None and peer.process.child.poll() is None:
                        cpu = peer.process.settled_cpu() - start
                client.wait()
            finally:
                guard.cancel()
                if client.poll() is None:
                    client.kill()
            if client.returncode == 0 and line.strip():
                result = json.loads(line)
                problems += result['errors']
            else:
                errors.seek(0)
                problems.append(f'the client failed: {errors.read().strip()[-300:]}')
        if peer.process and peer.process.child.poll() is not None:
            problems.append(f'the proxy ended: {peer.process.log.read_text()[-200:].strip()}')
        if before is not None and result and peer.process.child.poll() is None:
            problems += self.check_usage(before, result['calls'])
        if problems and peer.process:
            # Whatever it still has to do for what was given up must not be done in the next peer's turn.
            peer.stop()
            peer.start()
        return result, cpu, problems

    def turn(self, scenario, name, outcome):
        """@return {metric: figure}, or None when there is none."""
        result, cpu, problems = self.measure(self.peers[name], scenario)
        if result and scenario.protocol == 'h2' and result['protocol'] != 'h2':
            outcome.skipped = f'negotiated {result["protocol"] or "nothing"}, not h2'
            return None
        if result:
            outcome.protocol, outcome.cipher = result['protocol'], result['cipher']
        for problem in problems:
            if problem not in outcome.problems:
                outcome.problems.append(problem)
        if not result or (problems and not result['values'].get('seconds')):
            outcome.skipped = problems[0]
            return None
        return scenario.metrics(result['values'], cpu)

    def round(self, scenario, outcomes, number):
        """Each peer once, and direct before and after them: what disturbs the machine in between shows.
        @return what was seen of the watched figure of direct"""
        seen = []

        def direct():
            row = self.turn(scenario, DIRECT, outcomes[DIRECT]) if not outcomes[DIRECT].skipped else None
            if row:
                seen.append(row)
        has_direct = DIRECT in outcomes
        if has_direct:
            direct()
        others = [n for n in outcomes if n != DIRECT and not outcomes[n].skipped]
        for name in figures.turns(others, number) if others else ():
            row = self.turn(scenario, name, outcomes[name])
            if row and number >= 0:
                outcomes[name].rounds[number] = row
        if has_direct:
            direct()
            if seen and number >= 0:
                outcomes[DIRECT].rounds[number] = {
                    m: figures.middle([r[m] for r in seen if r[m] is not None]) for m in seen[0]}
        return [row[scenario.watched] for row in seen]

    def run(self, scenario):
        world.say(f'{scenario.name}: {scenario.about}')
        outcomes = {}
        for name, peer in self.peers.items():
            if scenario.only and name not in scenario.only:
                continue
            outcomes[name] = Outcome()
            if name != DIRECT and scenario.protocol not in peer.ports:
                outcomes[name].skipped = f'cannot pass {scenario.protocol}'
        self.round(scenario, outcomes, -1)  # the warm-up
        watched, kept = [], None
        while kept is None and len(watched) < self.rounds * MOST_TIMES_THE_ROUNDS:
            watched.append(self.round(scenario, outcomes, len(watched)))
            if DIRECT not in outcomes or outcomes[DIRECT].skipped:
                kept = list(range(len(watched))) if len(watched) >= self.rounds else None
            elif len(watched) >= self.rounds:
                kept = figures.agreeing(watched, self.rounds)
        result = {'name': scenario.name, 'group': scenario.group(), 'about': scenario.about, 'refused': '', 'peers': {},
                  'rounds': len(watched), 'discarded': len(watched) - len(kept or ())}
        if kept is None:
            result['refused'] = (f'direct moved by more than {figures.MOST_A_DIRECT_FIGURE_MAY_MOVE:.0%} '
                                 f'in or between all but a few of {len(watched)} rounds')
        elif DIRECT in outcomes:
            result['direct_moved'] = figures.moved([value for number in kept for value in watched[number]])
        for name, o in outcomes.items():
            result['peers'][name] = {'figures': o.figures(kept), 'protocol': o.protocol, 'cipher': o.cipher, 'problems': o.problems,
                                     'skipped': o.skipped}
            main = o.figures(kept).get(scenario.watched)
            note = o.skipped or '; '.join(o.problems)
            world.say(f'  {name:18} ' + (f'{main["median"]:12.1f} {scenario.watched}' if main else '') + (f'  {note}' if note else ''))
        if result['refused']:
            world.say(f'  not reported: {result["refused"]}')
        elif result['discarded']:
            world.say(f'  {result["discarded"]} of {len(watched)} rounds discarded')
        return result

    # -- memory and start

    def idle(self, connections, rounds, settle):
        """Each peer is started afresh, so that nothing that an earlier scenario freed hides what a connection takes."""
        scenario = Scenario('idle', '', {'scenario': 'hold', 'connections': connections}, None, '')
        name = f'idle-{connections}'
        world.say(f'{name}: {connections} idle connections, memory and start')
        result = {'name': name, 'group': 'idle', 'refused': '', 'peers': {},
                  'about': f'{connections} idle connections after one small request each; start to listening; resident memory'}
        for number in range(rounds):
            for peer_name in figures.turns([n for n in self.peers if n != DIRECT], number):
                entry = result['peers'].setdefault(peer_name, {'rounds': [], 'protocol': '', 'cipher': '', 'problems': [], 'skipped': ''})
                if entry['skipped']:
                    continue
                try:
                    entry['rounds'].append(self.hold(self.peers[peer_name], scenario, settle))
                except world.Unusable as why:
                    entry['skipped'] = str(why)
        for peer_name, entry in result['peers'].items():
            rows = entry.pop('rounds')
            entry['figures'] = {metric: figures.summary([r[metric] for r in rows]) for metric in (rows[0] if rows else ())}
            world.say(f'  {peer_name:18} ' + (entry['skipped'] or ', '.join(f'{m} {f["median"]:.1f}' for m, f in entry['figures'].items())))
        return result

    def hold(self, peer, scenario, settle):
        peer.stop()
        peer.start()
        listening = peer.start_seconds
        time.sleep(0.5)
        before = peer.process.rss_kib()
        # A few connections first: what a process takes once is not what a connection takes.
        warm = Scenario('idle', '', {'scenario': 'handshakes', 'connections': 4, 'seconds': 0.3, 'other': True}, None, '')
        _, _, problems = self.measure(peer, warm)
        if problems:
            raise world.Unusable(problems[0])
        time.sleep(0.3)
        base = peer.process.rss_kib()
        held = []

        def look(_):
            time.sleep(settle)
            held.append(peer.process.rss_kib())
        result, _, problems = self.measure(peer, scenario, look)
        alive = result['values'].get('alive', 0) if result else 0
        if problems or not held or alive != scenario.client['connections']:
            raise world.Unusable(f'{alive:.0f} of {scenario.client["connections"]} still worked: {"; ".join(problems)}')
        return {'kib_per_connection': (held[0] - base) / scenario.client['connections'], 'idle_mib': before / 1024,
                'start_ms': listening * 1000}

    # -- what reading costs

    def reading(self, sizes, event_bytes):
        """The same octets at a path that is a model call and at one that is not."""
        name = 'reading'
        world.say(f'{name}: CPU share of reading usage')
        result = {'name': name, 'group': 'reading', 'about': 'CPU of the same octets at a model call\'s path and at another; 8 connections, h1',
                  'refused': '', 'peers': {}}
        entry = {'figures': {}, 'protocol': '', 'cipher': '', 'problems': [], 'skipped': ''}
        result['peers'][OURS] = entry
        for coding in ('identity', 'gzip'):
            base = {'scenario': 'bulk', 'connections': 8, 'coding': coding, 'event-bytes': event_bytes,
                    'bytes': int(sizes.megabytes * MEGA / 8)}
            costs = {False: [], True: []}
            for number in range(-1, self.rounds):
                for other in (False, True) if number % 2 else (True, False):
                    scenario = Scenario(name, '', {**base, 'other': other}, bulk_metrics, '')
                    done, cpu, problems = self.measure(self.peers[OURS], scenario)
                    entry['problems'] += [p for p in problems if p not in entry['problems']]
                    if done and number >= 0:
                        costs[other].append(bulk_metrics(done['values'], cpu)['cpu_s_per_gb'])
            if not costs[False] or not costs[True]:
                continue
            entry['figures'][f'{coding}_read_cpu_s_per_gb'] = figures.summary(costs[False])
            entry['figures'][f'{coding}_unread_cpu_s_per_gb'] = figures.summary(costs[True])
            shares = [1 - u / r for r, u in zip(costs[False], costs[True])]
            entry['figures'][f'{coding}_share'] = figures.summary(shares)
            world.say(f'  {coding}: {entry["figures"][f"{coding}_share"]["median"]:.1%} of {entry["figures"][f"{coding}_read_cpu_s_per_gb"]["median"]:.2f} s/GB')
        return result

    # -- for a long time

    def soak(self, peer_name, seconds, streams, every_us):
        peer = self.peers[peer_name]
        world.say(f'soak: {streams} paced streams through {peer_name} for {seconds} s')
        length = min(60, seconds)
        scenario = Scenario('soak', '', {'scenario': 'paced', 'streams': streams, 'connections': streams, 'every-us': every_us,
                                         'seconds': seconds, 'events': max(2, int(length * 1e6 / every_us / 2))}, paced_metrics, '')
        peer.stop()
        peer.start()
        samples, start = [], time.monotonic()

        def look(client):
            while client.poll() is None:
                samples.append((time.monotonic() - start, peer.process.rss_kib()))
                time.sleep(max(1.0, seconds / 600))
        result, cpu, problems = self.measure(peer, scenario, look)
        if not result:
            raise world.Unusable(f'soak: {"; ".join(problems)}')
        report = {'peer': peer_name, 'streams': streams, 'seconds': seconds, 'every_us': every_us, 'calls': result['calls'],
                  'problems': problems, 'figures': paced_metrics(result['values'], cpu),
                  'rss_kib': [[round(x, 1), y] for x, y in samples], **flatness(samples, seconds)}
        world.say('  ' + ', '.join(f'{k} {v}' for k, v in report.items() if k not in ('rss_kib', 'figures')))
        return report


def flatness(samples, seconds):
    """Memory grows while streams begin; from a fifth of the time on it must not, and what comes after the end does not count."""
    middle = [(x, y) for x, y in samples if seconds * 0.2 <= x <= seconds * 0.9]
    if seconds < 60 or len(middle) < 3:
        return {'slope_kib_per_minute': None, 'grown_share': None, 'flat': None}
    grown = figures.slope(middle)
    share = grown * (middle[-1][0] - middle[0][0]) / middle[0][1]
    return {'slope_kib_per_minute': round(grown * 60, 1), 'grown_share': round(share, 4), 'rss_mib_first': round(middle[0][1] / 1024, 1),
            'rss_mib_last': round(middle[-1][1] / 1024, 1), 'flat': share < 0.02}
