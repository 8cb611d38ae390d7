"""A picture of a whole machine, for the one question whether it is as it was.

Nothing of the product is asked. A picture is a set of lines by topic; what two pictures may differ in is said where they
are compared, with the reason. What no picture looks at is named here.
"""

import re

from observer import RULES

# What changes by itself on a machine that is only looked at, or belongs to the stage and not to the machine.
LEFT_OUT = {
    '/proc': 'the kernel; sockets, mounts, rules and processes are topics of their own',
    '/sys': 'the kernel; the tree of cgroups is a topic of its own',
    '/dev/pts': 'terminals of the test itself',
    '/var/log': 'the journal, and what dpkg and apt write about themselves',
    '/run/log': 'the journal',
    '/var/lib/dpkg': "dpkg's database; what it still knows of the package is a topic of its own",
    '/var/lib/apt': "apt's own records",
    '/var/cache/apt': "apt's own caches",
    '/var/cache/debconf': "debconf's own database",
    '/var/cache/ldconfig': "ldconfig's own cache",
    '/var/lib/rpm': "rpm's database; what it still knows of the package is a topic of its own",
    '/var/lib/systemd/timers': 'when timers of the system ran last',
    '/run/systemd': "the service manager's own state; units, scopes and slices are topics of their own",
    '/run/udev': "udev's own state",
    '/run/user': 'sessions of users',
    '/run/netns': 'the stage: the network of upstream',
    '/run/host': "the container's host",
    '/opt': 'the stage: doubles and packages',
    '/var/lib/fake-upstream': 'the stage: the double of upstream',
    '/usr/libexec/steps': 'the stage: tools of tests',
}
_PRUNED = ' -o '.join(f'-path {path}' for path in LEFT_OUT)
# Type, mode, owner, target of a link; the content of files follows as a hash. No times: a file that is as it was is
# one that nobody misses.
_TREE = f"find / /dev /run /tmp -xdev \\( {_PRUNED} \\) -prune -o -printf '%p\\t%y\\t%m\\t%U:%G\\t%l\\n' | sort -u"
_HASHES = f"find / /dev /run /tmp -xdev \\( {_PRUNED} \\) -prune -o -type f -print0 | xargs -0 -r sha256sum"
_COUNTERS = re.compile(r'counter packets \d+ bytes \d+|# handle \d+')

_ASKED = {
    'account': 'getent passwd; getent group; cut -d: -f1,2 /etc/shadow',
    'rule': RULES,
    'ruleset': 'nft list ruleset 2> /dev/null',
    'unit file': "systemctl list-unit-files --no-legend --plain | awk '{ print $1, $2 }'",
    # Without what it is at: services of timers come and go.
    'failed unit': "systemctl list-units --failed --all --no-legend --plain | awk '{ print $1 }'",
    'slice or scope': "systemctl list-units --type=slice,scope --no-legend --plain | awk '{ print $1, $3 }'",
    # Of services that Debian starts when anybody asks for them, and that end by themselves, and of a user's own manager, which keeps its
    # slice for programs, it is not looked at which are there.
    'cgroup': "find /sys/fs/cgroup -type d | grep -vE '/(polkit|systemd-(timedated|hostnamed|localed))[.]service$|/user@[0-9]*[.]service/'",
    'job': 'systemctl list-jobs --no-legend',
    'bus name': "busctl list --no-legend --acquired | awk '$1 !~ /^:/ && $1 !~ /^org.freedesktop.(PolicyKit|timedate|hostname|locale)1$/ { print $1 }'",
    'activatable name': "busctl list --no-legend --activatable | awk '{ print $1 }'",
    'polkit action': 'pkaction',
    'mount': 'cut -d" " -f4- /proc/1/mountinfo | sed "s/ shared:[0-9]*//; s/ master:[0-9]*//"',
    'socket': "ss -Hlntu | awk '{ print $1, $5 }'; ss -Hlx | awk '{ print $1, $5 }' | grep -v '[*]'",
    'process': "ps -eo user:32,comm --no-headers | awk '$1 ~ /^antigravity/ || $2 ~ /^antigravity/'",
    'package': "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | grep -v '^un'; ls /var/lib/dpkg/info",
    'alternative': 'update-alternatives --get-selections',
    'kernel table': 'cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2> /dev/null',
}


def picture(box):
    """{topic: set of lines} of a container."""
    seen = {topic: set(box.run(script, check=False, timeout=120).out.splitlines()) for topic, script in _ASKED.items()}
    seen['ruleset'] = {_COUNTERS.sub('', line).strip() for line in seen['ruleset']}
    hashes = {}
    for line in box.run(_HASHES, check=False, timeout=300).out.splitlines():
        digest, _, path = line.lstrip('\\').partition('  ')
        hashes[path] = digest
    tree = box.run(_TREE, check=False, timeout=120).out.splitlines()
    seen['file'] = {f'{line}\t{hashes.get(line.partition(chr(9))[0], "")}' for line in tree}
    return seen


def differences(before, after, expected):
    """Lines that came and went, with their topic, and which of the expectations met nothing.

    @param expected  {pattern of whole lines as they are returned: reason}."""
    lines = [f'{sign} {topic}: {line}' for topic in before
             for sign, found in (('left', after[topic] - before[topic]), ('gone', before[topic] - after[topic]))
             for line in sorted(found)]
    met = {pattern for pattern in expected for line in lines if re.fullmatch(pattern, line)}
    unexplained = [line for line in lines if not any(re.fullmatch(pattern, line) for pattern in expected)]
    return unexplained, sorted(set(expected) - met)
