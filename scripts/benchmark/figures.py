"""The arithmetic of the benchmark: no process, file or clock in here, so that it can be tested."""

import statistics

MOST_A_DIRECT_FIGURE_MAY_MOVE = 0.20


def percentile(values, share):
    """The smallest value that at least this share of the values does not exceed."""
    if not values:
        raise ValueError('no values')
    ordered = sorted(values)
    at = max(0, -(-int(share * 1_000_000 * len(ordered)) // 1_000_000) - 1)
    return ordered[min(at, len(ordered) - 1)]


def summary(values):
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values), 'values': values}


def middle(values):
    """The mean, or None when there is nothing."""
    return statistics.fmean(values) if values else None


def moved(values):
    """How far apart the largest and the smallest are: 0.2 is 20 %."""
    if not values or min(values) <= 0:
        return float('inf')
    return max(values) / min(values) - 1


def agreeing(values, wanted, most=MOST_A_DIRECT_FIGURE_MAY_MOVE):
    """Which rounds may be compared: values holds, for each of them, all that was seen of one figure in it.
    The largest set whose figures lie within `most` of each other, where no single round has more than that in
    itself; the first one, when there are several. @return the indices, or None when fewer than wanted agree."""
    ends = [(min(each), max(each), number) for number, each in enumerate(values) if each and min(each) > 0]
    best = []
    for low in sorted({e[0] for e in ends}):
        inside = sorted(n for least, largest, n in ends if least >= low and largest <= low * (1 + most))
        if len(inside) > len(best):
            best = inside
    return best if len(best) >= wanted else None


def slope(points):
    """Least squares through (x, y): how much y grows when x grows by one."""
    if len(points) < 2:
        return 0.0
    middle_x = statistics.fmean(x for x, _ in points)
    middle_y = statistics.fmean(y for _, y in points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def cpu_seconds(stat, ticks_per_second):
    """User and system time from the text of /proc/PID/stat; the name in it may hold anything."""
    fields = stat.rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / ticks_per_second


def parent(stat):
    return int(stat.rsplit(')', 1)[1].split()[1])


def rss_kib(smaps_rollup):
    for line in smaps_rollup.splitlines():
        if line.startswith('Rss:'):
            return int(line.split()[1])
    raise ValueError('no Rss line')


def descendants(root, parents):
    """root and all below it; parents is {pid: its parent}."""
    found = {root}
    grown = True
    while grown:
        grown = False
        for pid, above in parents.items():
            if above in found and pid not in found:
                found.add(pid)
                grown = True
    return found


def listening(proc_net_tcp, address, port):
    """Whether /proc/net/tcp has somebody listening there."""
    wanted = ''.join(f'{int(part):02X}' for part in reversed(address.split('.'))) + f':{port:04X}'
    for line in proc_net_tcp.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[1] == wanted and fields[3] == '0A':
            return True
    return False


def turns(names, number):
    """The order of the peers in one round; each round starts with another one."""
    at = number % len(names)
    return names[at:] + names[:at]


def wrong_usage(before, after, calls, tokens):
    """What the usage API says beside the truth, as sentences; empty when it agrees."""
    expected = {'calls': calls, 'ok': calls, **{name: count * calls for name, count in tokens.items()}}
    return [f'usage {name}: {after[name] - before[name]}, the truth is {truth}'
            for name, truth in expected.items() if after[name] - before[name] != truth]
