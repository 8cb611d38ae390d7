"""Looks at a container from outside, with nothing of the product: the kernel's and Debian's own means.

A snapshot is a set of lines by topic. What was there before a case and after it must be the same, apart
from what the topic leaves out by name. The prober asks the kernel where connections of a user end.
"""

import socket
import subprocess
import sys

from container import poll
from steps import PLACE

OUR_RULE = 'antigravity'  # in the comment of each rule, and in the name of the nftables table
OUR_CHAIN = 'AGP_'
# Ours to keep, or written by Debian's tools and the doubles while we look.
OTHER_FILES = ('/proc', '/sys', '/dev', '/opt', '/tmp', '/var/log', '/var/tmp', '/var/cache', '/var/lib/dpkg', '/var/lib/apt',
               '/var/lib/systemd', '/var/lib/private', '/var/lib/fake-upstream', '/etc/ssl', '/home', '/root',
               '/etc/antigravity-proxy', '/var/lib/antigravity-proxy', '/var/lib/antigravity-ls',
               PLACE, '/run/systemd', '/run/log', '/run/udev', '/run/dbus', '/run/user', '/run/netns', '/run/lock', '/run/host')
# What iptables keeps, in both of its variants, past the gates that a case may have put there.
RULES = '''
for multi in /usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi; do
  program=$multi; [ ! -e $multi.real ] || program=$multi.real
  for family in iptables ip6tables; do
    # Without -t: asking for a legacy table by name would make it.
    $program $family-save 2> /dev/null | sed 's, \\[[0-9]*:[0-9]*\\]$,,' |
      awk -v what="$(basename $multi) $family" '/^[*]/ { table = substr($0, 2) } /^[:-]/ { print what, table, $0 }'
  done
done
'''
# Names of the nftables tables by netlink, so that the machine needs no nft; run in the container's network alone.
TABLES = r'''
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.sendto(struct.pack('=IHHIIBBH', 20, 10 << 8 | 1, 0x301, 1, 0, 0, 0, 0), (0, 0))
while True:
    data = s.recv(1 << 20)
    while len(data) >= 16:
        size, kind = struct.unpack_from('=IH', data)
        if kind in (2, 3):
            raise SystemExit
        family, at = data[16], 20
        while at + 4 <= size:
            length, attribute = struct.unpack_from('=HH', data, at)
            if attribute == 1:
                print(family, data[at + 4:at + length].rstrip(b'\0').decode())
            at += (length + 3) & ~3
        data = data[(size + 3) & ~3:]
'''
FILES = ('find / /run /dev/shm -xdev \\( ' + ' -o '.join(f'-path {p}' for p in OTHER_FILES) +
         ' -o -path /run/antigravity-proxy-helper.lock \\) -prune -o -printf "%p %y %m %U:%G %s %T@ %l\\n"')
PROBER = f'{PLACE}/prober'
PROBING = '/tmp/steps-probing'
# One line for each round of probes: family, how it ended, and whether a language server ran before and after.
PROBER_PROGRAM = r'''#!/usr/bin/perl
# prober HOW ADDRESS4 ADDRESS6: once, or while the file in $ENV{WHILE} is there
use strict;
use Errno;
use Fcntl;
use Socket qw(:all);
my ($how, @address) = @ARGV;
$| = 1;
sub servers {
  my %found;
  opendir(my $proc, '/proc') or return \%found;
  for my $pid (grep { /^\d+$/ } readdir $proc) {
    next if ((stat "/proc/$pid")[4] // -1) != $<;
    open(my $comm, '<', "/proc/$pid/comm") or next;
    $found{$pid} = 1 if (<$comm> // '') =~ /^language_server/;
  }
  return \%found;
}
sub endpoint { $_[0] =~ /:/ ? (AF_INET6, pack_sockaddr_in6(443, inet_pton(AF_INET6, $_[0])))
                            : (AF_INET, pack_sockaddr_in(443, inet_aton($_[0]))) }
# A connection that ends at our port has its other end on this machine.
sub tcp {
  my ($family, $to) = endpoint($_[0]);
  socket(my $s, $family, SOCK_STREAM, 0) or die $!;
  setsockopt($s, SOL_SOCKET, SO_SNDTIMEO, pack('l!l!', 2, 0));
  connect($s, $to) or return 'refused';
  my $port = $family == AF_INET ? (unpack_sockaddr_in(getsockname $s))[0] : (unpack_sockaddr_in6(getsockname $s))[0];
  my $mark = sprintf ':%04X', $port;
  # The kernel gives the table piece by piece, so that a line may be missed while others come and go.
  for (1 .. 3) {
    open(my $table, '<', $family == AF_INET ? '/proc/net/tcp' : '/proc/net/tcp6') or die $!;
    while (<$table>) {
      my (undef, $here, $there, $state) = split;
      # TIME_WAIT (06) is of an earlier connection, of whoever had this port then: of one that the daemon ended first.
      return 'metered' if $here =~ /:2226$/ && substr($there, -5) eq $mark && $state ne '06';
    }
  }
  # Upstream waits for what we say. A listener that is closed resets who is in its backlog, which leaves no line behind.
  return 'refused' if !defined recv($s, my $octet, 1, MSG_DONTWAIT) && $!{ECONNRESET};
  return 'direct';
}
# A rejected datagram is an error of this write or of the next one; upstream takes it in silence.
sub udp {
  my ($family, $to) = endpoint($_[0]);
  socket(my $s, $family, SOCK_DGRAM, 0) or die $!;
  connect($s, $to) or return 'refused';
  for (1 .. 3) { defined send($s, 'probe', 0) or return 'refused' }
  return 'direct';
}
do {
  for my $address (@address) {
    my $before = servers();
    my %outcome = (tcp => tcp($address), udp => udp($address));
    my $after = servers();
    my $served = (grep { $after->{$_} } keys %$before) ? 'served' : 'alone';
    print "$_ $address $outcome{$_} $served\n" for sort keys %outcome;
  }
  if ($how eq 'while') {
    # A round is over. Never O_CREAT: the file is gone when it is time to end.
    if (sysopen(my $round, $ENV{WHILE}, O_WRONLY | O_APPEND)) { syswrite($round, '.') }
    select undef, undef, undef, 0.05;
  }
} while ($how eq 'while' && -e $ENV{WHILE});
'''


def outcomes(said):
    """Of one round of the prober: {'tcp 203.0.113.10': 'metered', …}, each metered, refused or direct."""
    return {' '.join(line.split()[:2]): line.split()[2] for line in said.splitlines()}


class Observer:
    def __init__(self, box, addresses):
        self.box, self.addresses = box, addresses

    def install(self):
        self.box.write(PROBER, PROBER_PROGRAM, 0o755)

    # What is there

    def rules(self):
        return self.box.run(RULES).out.splitlines()

    def tables(self):
        """nftables' tables that iptables did not make."""
        seen = subprocess.run(['nsenter', f'--target={self.box.init}', '--net', '--', sys.executable, '-c', TABLES],
                              capture_output=True, text=True, timeout=30, check=True).stdout
        families = (str(socket.AF_INET), str(socket.AF_INET6))
        return [line for line in seen.splitlines()
                if line.split()[0] not in families or line.split()[1] not in ('nat', 'filter', 'mangle', 'raw')]

    def our_rules(self):
        lines = [line for line in self.rules() if OUR_RULE in line or OUR_CHAIN in line]
        return lines + [f'table {line}' for line in self.tables() if 'antigravity' in line]

    def snapshot(self):
        run = lambda script: self.box.run(script, check=False).out.splitlines()
        ours = ('antigravity-proxy', 'antigravity-ls')
        return {
            # A built-in chain exists from the first rule anybody ever put there, an empty one changes no packet.
            'rule': {line for line in self.rules() if ' :' not in line or OUR_CHAIN in line},
            'table': set(self.tables()),
            'process': {line for line in run('ps -eo user:32,args --no-headers')
                        if line.split()[0] in ours or '/libexec/antigravity' in line},
            'mount': {' '.join(line.split()[3:6]) for line in run('cat /proc/1/mountinfo')},
            'listener': {' '.join(line.split()[3:4]) for line in run('ss -Hltn')},
            'file': self.files(),
        }

    def files(self):
        listed = self.box.run(FILES, check=False).out.splitlines()
        shipped = set(self.box.run('dpkg', '-L', 'antigravity-proxy', check=False).out.split())
        # A directory's time tells of a file that came and went; that one is looked for by itself.
        found = set()
        for line in listed:
            path, kind, *rest = line.split(' ')
            if path in shipped or path == '/run/antigravity-proxy-helper' and not shipped:
                continue
            found.add(' '.join([path, kind, *rest[:2]] if kind == 'd' else [path, kind, *rest]))
        return found

    @staticmethod
    def differences(before, after, is_same_boot=True):
        """Lines that came and went, with their topic; empty when all is as it was. A boot changes mounts, listeners and /run
        by itself: of these only what is ours is looked at then."""
        def is_compared(topic, line):
            is_of_the_boot = topic in ('mount', 'listener') or (topic == 'file' and line.startswith('/run/'))
            return is_same_boot or not is_of_the_boot or OUR_RULE in line or line.endswith((':8741', ':8742'))
        return [f'{sign} {topic}: {line}' for topic in before
                for sign, lines in (('left', after[topic] - before[topic]), ('gone', before[topic] - after[topic]))
                for line in sorted(lines) if is_compared(topic, line)]

    # Where traffic goes

    def probe(self, user):
        """One round, as a user."""
        return outcomes(self.box.run(PROBER, 'once', *self.addresses, user=user).out)

    def watch(self, *users):
        """Probes from now on, each user once at least, until the returned function is called, which gives all lines of each user."""
        def start(user):
            probing = f'{PROBING}.{user}'
            self.box.run(f': > {probing}; chmod 666 {probing}')
            prober = self.box.start(PROBER, 'while', *self.addresses, user=user, env={'WHILE': probing})
            poll(lambda: self.box.run('test', '-s', probing, check=False).code == 0, 30, f'{user} has probed once')
            return prober

        probers = [start(user) for user in users]

        def end():
            self.box.run(f'rm -f {PROBING}.*', check=False)
            lines = []
            for prober in probers:
                out, err = prober.communicate(timeout=60)
                if prober.returncode != 0:
                    raise AssertionError(f'a prober ended with {prober.returncode}: {err}')
                lines.append([line.split() for line in out.splitlines()])
            return lines
        return end
