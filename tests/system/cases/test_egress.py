"""What the language server's account can send, in both modes, counted where it arrives."""

from case import Case, only
from observer import Observer

IPV4, IPV6 = '203.0.113.10', '2001:db8:1::10'
FLOWS = [(protocol, port) for protocol in ('tcp', 'udp') for port in (53, 80, 443, 4711)]
COUNTED = [flow for flow in FLOWS if flow != ('tcp', 443)]
STRICT = 'language_server:\n  egress: strict\n'


class Egress(Case):
    def setUp(self):
        super().setUp()
        self.observer = Observer(self.box, (IPV4, IPV6))
        self.observer.install()
        self.addCleanup(self.stop_counting)
        self.addCleanup(self.box.run, 'rm -f /etc/resolv.conf')
        for tool in ('iptables', 'ip6tables'):
            for protocol, port in COUNTED:
                first = '--syn' if protocol == 'tcp' else ''
                self.box.run(f'ip netns exec upstream {tool} -A INPUT -p {protocol} {first} --dport {port} '
                             f'-m comment --comment agp-probe')

    def stop_counting(self):
        for tool in ('iptables', 'ip6tables'):
            self.box.run(f'ip netns exec upstream {tool} -F INPUT', check=False)

    def arrivals(self, user):
        """Which flows of this user reach the upstream's network, as (family, protocol, port)."""
        arrived = set()
        direct = self.observer.probe(user)
        for tool, address, family in (('iptables', IPV4, 'v4'), ('ip6tables', IPV6, 'v6')):
            # The daemon dials there for whoever is redirected: only the prober can tell that from a direct way.
            if direct[f'tcp {address}'] == 'direct':
                arrived.add((family, 'tcp', 443))
            for protocol, port in COUNTED:
                self.box.run(f'ip netns exec upstream {tool} -Z INPUT')
                # Twice: the first answer to a datagram may come too late to be an error.
                self.box.run('timeout', '3', 'bash', '-c',
                             f'exec 3<>/dev/{protocol}/{address}/{port} && echo a >&3 && echo b >&3',
                             user=user, check=False)
                counted = self.box.run(f'ip netns exec upstream {tool}-save -c -t filter').out
                match = [line for line in counted.splitlines()
                         if f'-p {protocol} ' in line and f'--dport {port} ' in line]
                self.assertEqual(1, len(match), counted)
                if not match[0].startswith('[0:'):
                    arrived.add((family, protocol, port))
        return arrived

    def every(self, *flows):
        return {(family, *flow) for family in ('v4', 'v6') for flow in flows}

    def start(self, helper=''):
        self.world.configure(helper=helper)
        self.world.start()

    def guard(self):
        status = self.world.helper_status()
        return status['egress'], status['egress_guard']

    def test_metered_lets_everything_out_but_quic_and_what_is_redirected(self):
        self.start()
        left = set(FLOWS) - {('tcp', 443), ('udp', 443)}
        self.assertEqual(self.every(*left), self.arrivals('antigravity-ls'))
        self.assertEqual(('metered', 'off'), self.guard())

    # threat-model 33
    def test_strict_lets_nothing_out(self):
        self.start(STRICT)
        self.assertEqual(set(), self.arrivals('antigravity-ls'))
        self.assertEqual('strict', self.guard()[0])
        self.world.client('--count', '1')
        self.assertCounted()

    # threat-model 33
    def test_strict_lets_questions_out_to_the_resolver_alone(self):
        self.box.write('/etc/resolv.conf', f'nameserver {IPV4}\n')
        self.start(STRICT)
        self.assertEqual({('v4', 'udp', 53), ('v4', 'tcp', 53)}, self.arrivals('antigravity-ls'))
        self.assertEqual(('strict', 'resolver'), self.guard())

    def test_other_users_notice_nothing(self):
        without = {user: self.arrivals(user) for user in ('dev', 'root', 'nobody')}
        self.assertEqual(self.every(*FLOWS), without['dev'])
        for helper in ('', STRICT):
            self.start(helper)
            for user, arrived in without.items():
                self.assertEqual(arrived, self.arrivals(user), f'{user}, {helper}')
            self.world.stop()

    # threat-model 36
    def test_the_service_manager_keeps_it_to_loopback_where_it_can(self):
        self.world.configure(mode='managed', helper=STRICT)
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()
        unit = self.box.run("systemctl list-units --plain --no-legend 'antigravity-ls-*'").out.split()[0]
        self.assertEqual('lo', self.box.run('systemctl', 'show', '-P', 'RestrictNetworkInterfaces', unit).out.strip())
        egress = self.world.status_document()['redirect']
        self.assertEqual('strict', egress['egress'])
        if egress['egress_guard'] != 'loopback':
            self.assertEqual('unsupported', egress['egress_guard'])
            self.skipTest('this systemd has no BPF framework')
        group = self.box.run('systemctl', 'show', '-P', 'ControlGroup', unit).out.strip()
        said = self.box.run(f'''for top in /sys/fs/cgroup /sys/fs/cgroup/unified; do
                [ ! -d "$top{group}" ] || echo $$ > "$top{group}/cgroup.procs"
            done
            exec setpriv --reuid antigravity-ls --clear-groups bash -c 'exec 3<>/dev/tcp/{IPV4}/80' ''', check=False)
        self.assertNotEqual(0, said.code)
        if 'not permitted' not in said.text.lower():
            self.skipTest('this kernel or container does not enforce it, only the rules do: ' + said.text)


@only('test_metered_lets_everything_out_but_quic_and_what_is_redirected', 'test_strict_lets_nothing_out',
      'test_strict_lets_questions_out_to_the_resolver_alone')
class EgressWithIptables(Egress):
    backend = 'iptables'
