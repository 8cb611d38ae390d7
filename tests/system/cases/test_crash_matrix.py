"""SIGKILL to whom you like, at every step of the service's life, and power cuts.

Each row of the table is a case of its own: the phase, a step of it, and who is killed there. Whatever dies, afterwards
the service works again or is gone without a trace, nothing of the language server's went past it, nobody else noticed,
and each call is counted once. The observer that says so knows nothing of the product.

The table below is the short run: one release takes every other row, the other one the rest. AGP_CRASH_MATRIX=full
(scripts/test --long) takes every pair at every step, in each.
"""

import itertools
import os
import subprocess

from case import Case
from container import ContainerError, poll
from observer import Observer
from steps import Steps, kill
from world import CONTROL, DAEMON, HELPER, UPSTREAM4, UPSTREAM6, only_sums

HELPER_NAME = 'org.antigravityproxy.Helper1'
H, D, L, B = 'helper', 'daemon', 'ls', 'bus'
VICTIMS = (H, D, L, B)
BACKENDS = ('nftables', 'iptables')
PAIRS = tuple(itertools.combinations(VICTIMS, 2))

# phase, step, which one of that name, who lives then (all that can be killed), and who is killed there in the short run:
# with the table that the helper holds, and with iptables; None where that one never comes to the step. Between the table
# not yet there and the table in place there is nothing to be killed in: it is one transaction. Of iptables there are four
# changes, IPv4 before IPv6: the filter before nat when rules come, nat before the filter when they go.
TABLE = (
    ('start', 'sockets', 1, (B,), ((B,),), ()),
    ('start', 'daemon.exec', 1, (B,), (), ()),
    ('start', 'look', 1, (H, D, B), ((H,),), ()),
    ('start', 'helper.ready', 1, (H, D, B), ((D, B),), ()),
    # threat-model 30
    ('start', 'look.held', 1, (H, D, B), ((H, D), (H, B)), None),
    # threat-model 30
    ('start', 'change', 1, (H, D, B), None, ()),
    ('start', 'change', 2, (H, D, B), None, ()),
    ('start', 'change', 3, (H, D, B), None, ((H, B),)),
    ('start', 'change', 4, (H, D, B), None, ((H, D),)),
    ('start', 'daemon.ready', 1, (H, D, B), ((D,),), ()),
    ('start', 'help.exec', 1, (H, D, B), ((H,),), ()),
    ('start', 'ls.exec', 1, (H, D, B), (), ()),
    ('start', 'ls.up', 1, (H, D, B, L), ((H, L),), ()),
    ('steady', 'idle', 0, VICTIMS, (*((v,) for v in VICTIMS), (H, D)), ((H,),)),
    ('steady', 'stream', 0, VICTIMS, ((D,),), ()),
    ('reload', 'reload', 1, VICTIMS, ((D,),), ()),
    ('reload', 'reloaded', 1, VICTIMS, ((L, B),), ()),
    # threat-model 90
    ('upgrade', 'configure', 1, VICTIMS, ((H,),), ()),
    ('upgrade', 'restart', 1, VICTIMS, ((H, D),), ()),
    # Debian 13 stops the language server before the daemon.
    # The helper stops at the same time and may be gone by then.
    ('upgrade', 'daemon.stop', 1, (D, B), (), ((D,),)),
    ('upgrade', 'daemon.exec', 1, (B,), (), ((B,),)),
    # Killed, and stopped before anything has recovered.
    ('end', 'idle', 0, VICTIMS, ((H, D),), ((D, B),)),
    ('stop', 'daemon.stop', 1, (H, D, B), ((H,), (H, D)), ()),
    ('stop', 'daemon.ended', 1, (H, B), (), ((H, B),)),
    # The last moment of the table.
    ('stop', 'helper.stop', 1, (H, B), ((H, B),), ()),
    ('stop', 'change', 1, (H, B), None, ()),
    ('stop', 'change', 2, (H, B), None, ((H,),)),
    ('stop', 'change', 4, (H, B), None, ((H, B),)),
    ('stop', 'released', 1, (B,), (), ((B,),)),
    ('stop', 'socket.stop', 1, (B,), ((B,),), ()),
)
# When the power goes: the phase and the step as above, and with whom. The service is enabled.
POWER_CUTS = (
    ('start', 'look.held', 1, 'nftables'),
    ('steady', 'stream', 0, 'nftables'),
    ('stop', 'change', 2, 'iptables'),
)


def rows(backend):
    is_full = os.environ.get('AGP_CRASH_MATRIX') == 'full'
    for phase, step, nth, alive, *short in TABLE:
        killed = short[BACKENDS.index(backend)]
        if is_full and killed is not None:
            killed = [(v,) for v in alive] + [pair for pair in PAIRS if set(pair) <= set(alive)]
        for victims in killed or ():
            yield phase, step, nth, victims


class Matrix:
    """The cases are made from the table, below."""

    @classmethod
    def setUpClass(cls):
        cls.box = cls.world.box
        cls.steps = Steps(cls.box)
        cls.observer = Observer(cls.box, (UPSTREAM4, UPSTREAM6))
        cls.world.reset(cls.backend)
        cls.steps.install()
        cls.observer.install()
        cls.world.start_udp_sink()
        cls.world.start_ide()
        cls.world.wait_ide()

    @classmethod
    def tearDownClass(cls):
        cls.world.stop_ide()
        cls.world.stop_udp_sink()
        cls.steps.remove()
        # It lost the bus, and nobody brings it back: whoever installs a package would wait 25 s for it.
        cls.box.run('systemctl restart systemd-logind')

    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.addCleanup(self.steps.disarm)
        self.addCleanup(self.leave_nothing)
        self.before = self.observer.snapshot()
        self.bystander = self.observer.probe('dev')
        self.assertEqual({'tcp': {'direct'}, 'udp': {'direct'}}, self.by_protocol(self.bystander))

    def leave_nothing(self):
        """What a row that failed left is not the next one's."""
        if self.observer.our_rules():
            self.world.stop(check=False)
            self.box.run('/usr/libexec/antigravity-proxy/antigravity-proxy-helper --release')

    # One row

    def crash(self, phase, step, nth, action):
        """Brings the service to the step, and does it there."""
        if phase != 'start':
            self.up()
            self.world.client('--count', '2')
        streams = self.stream() if step == 'stream' else []
        end_watch = self.observer.watch('antigravity-ls', 'dev')
        try:
            if phase in ('steady', 'end'):
                action()
            else:
                self.pass_through(phase, step, nth, action)
            if phase == 'end':
                self.world.stop()
            elif phase != 'stop':
                self.recovers()
        finally:
            probes, of_others = end_watch()
            for stream in streams:
                stream.communicate(timeout=60)
        self.nothing_escaped(probes, is_capture_on=phase in ('steady', 'reload', 'upgrade'))
        self.assertEqual([], [probe for probe in of_others if probe[2] != 'direct'], 'somebody else noticed')

    def pass_through(self, phase, step, nth, action):
        armed = self.steps.arm(step, nth, action)
        command = {'start': 'systemctl start antigravity-proxy', 'stop': 'systemctl stop antigravity-proxy',
                   'reload': 'systemctl reload antigravity-proxy',
                   'upgrade': 'dpkg --force-confold -i /opt/antigravity-proxy.deb'}[phase]
        # As the administrator does it. What is killed may well make it fail.
        process = self.box.start('sh', '-c', f'timeout 120 {command}', env={'DEBIAN_FRONTEND': 'noninteractive'})
        try:
            # Some steps come after the command has ended: the language server is started in the background, sockets stop there.
            is_later = phase == 'start' or step == 'socket.stop'
            ended = (lambda: False) if is_later else lambda: process.poll() is not None
            came = armed.wait(ended)
        finally:
            said = process.communicate(timeout=150)
        self.assertTrue(came, f'{phase}: there was no step {step} {nth}\n{self.steps.what_came()}\n{command}: {said}')
        if phase == 'upgrade' and process.returncode != 0:
            self.box.run('dpkg --force-confold --configure -a', timeout=120)

    def up(self):
        self.world.start()
        self.world.wait_language_server()

    def recovers(self):
        """By itself: nobody does anything."""
        self.world.wait_capture(60)
        self.world.wait_language_server(60)

    def stream(self):
        """A model call that is under way for some seconds, from the language server's account."""
        client = self.world.client_in_background('--count', '1', '--scenario', 'slow;pace=300ms')
        poll(lambda: self.world.in_flight() == 1, 20, 'the stream is under way')
        return [client]

    # What must hold

    def nothing_escaped(self, probes, is_capture_on):
        """P3: while a language server runs, or capture is on, each connection is metered or fails."""
        self.assertGreater(len(probes), 0)
        self.assertEqual([], [p for p in probes if p[2] == 'direct' and (is_capture_on or p[3] == 'served')])

    def works(self):
        """Metered, to the token, and for this account alone."""
        self.assertEqual({'tcp': {'metered'}, 'udp': {'refused'}}, self.by_protocol(self.observer.probe('antigravity-ls')))
        self.assertEqual(self.bystander, self.observer.probe('dev'))
        self.world.client('--count', '1')

    def by_protocol(self, outcomes):
        found = {}
        for probe, outcome in outcomes.items():
            found.setdefault(probe.split()[0], set()).add(outcome)
        return found

    def counted(self, lost=0):
        """Every call is there once. At most `lost` calls, cut off by a kill, may be missing."""
        truth = only_sums(self.world.truth())['totals']
        self.assertGreater(truth['calls'], 0)
        usage = only_sums(self.world.wait_usage(truth['calls'] - lost))['totals']
        if not lost:
            self.assertEqual(truth, usage)
        for key in ('calls', 'total', 'input_total', 'output_total'):
            self.assertLessEqual(usage[key], truth[key], key)
        return usage

    def gone(self, is_same_boot=True):
        """P1 and P2: as before the service was started, whatever happened to it since."""
        def differences():
            return Observer.differences(self.before, self.observer.snapshot(), is_same_boot)
        # The sockets stop along with the service, and the command that stopped it does not wait for them.
        poll(lambda: 'deactivating' not in self.box.run(
            "systemctl list-units --all --plain --no-legend 'antigravity*'", check=False).out, 15, 'our units are down')
        try:
            poll(lambda: not differences(), 5, 'nothing is left', interval=0.5)
        except ContainerError:
            self.assertEqual([], differences())
        self.assertEqual(self.bystander, self.observer.probe('dev'))
        self.assertEqual(self.bystander, self.observer.probe('antigravity-ls'))

    # Rows become cases

    def run_row(self, phase, step, nth, victims):
        self.crash(phase, step, nth, lambda: kill(self.box, victims))
        if phase in ('stop', 'end'):
            self.gone()
            self.up()
        self.works()
        self.counted(lost=1 if step == 'stream' and D in victims else 0)
        self.world.stop()
        self.gone()

    def run_power_cut(self, phase, step, nth):
        self.box.run('systemctl', 'enable', '--quiet', DAEMON)
        self.addCleanup(self.box.run, 'systemctl disable --quiet antigravity-proxy')
        self.before = self.observer.snapshot()
        counted = None
        if phase != 'start':
            self.up()
            self.world.client('--count', '2')
            counted = self.counted()
        streams = self.stream() if step == 'stream' else []
        if phase != 'steady':
            armed = self.steps.arm(step, nth, lambda: None)
            command = self.box.start('systemctl', phase, 'antigravity-proxy')
            # The helper looks at its rules a moment after the start has ended.
            ended = (lambda: False) if phase == 'start' else lambda: command.poll() is not None
            self.assertTrue(armed.wait(ended), f'{phase}: there was no step {step} {nth}\n{self.steps.what_came()}')
        self.world.cut_power_and_boot()
        for stream in streams:
            stream.kill()
            stream.communicate()
        self.steps.listen_again()
        self.observer.install()
        self.world.start_udp_sink()
        # Of before the boot there is nothing, and the service comes with it.
        self.world.wait_capture(60)
        self.world.start_ide()
        self.world.wait_language_server(60)
        if counted:
            usage = only_sums(self.world.usage_http())['totals']
            self.assertIn(usage['calls'] - counted['calls'], (0, 1) if streams else (0,))
            if not streams:
                self.assertEqual(counted, usage)
        self.works()
        self.world.stop()
        self.gone(is_same_boot=False)


def case_of(function, *row):
    return lambda self: function(self, *row)


class CrashMatrix(Matrix, Case):
    """With the table that the helper holds."""

    backend = 'nftables'

    # threat-model 30
    def test_a_helper_that_is_dead_when_the_service_stops(self):
        """The table goes with the descriptor store of the helper's unit: the language server ends before that unit does."""
        drop_in = f'/run/systemd/system/{HELPER}.d/60-test.conf'
        self.box.write(drop_in, '[Service]\nRestartSec=60\n')
        self.box.run('systemctl daemon-reload')
        self.addCleanup(self.box.run, f'rm -r $(dirname {drop_in}); systemctl daemon-reload')
        self.up()
        end_watch = self.observer.watch('antigravity-ls', 'dev')
        try:
            self.box.run(f'systemctl kill --kill-whom=main --signal=KILL {HELPER} {DAEMON}; systemctl stop {DAEMON}')
            # Where the daemon's unit was stopped before it could release, the socket does, after the command has ended.
            poll(lambda: HELPER in self.world.stopped_units(), 20, 'the helper is stopped')
        finally:
            probes, of_others = end_watch()
        self.nothing_escaped(probes, is_capture_on=False)
        self.assertEqual([], [probe for probe in of_others if probe[2] != 'direct'], 'somebody else noticed')
        ended = [unit for unit in self.world.stopped_units() if unit == HELPER or unit.startswith('antigravity-ls-')]
        self.assertEqual(2, len(ended), ended)
        self.assertEqual(HELPER, ended[-1])
        self.gone()


class CrashMatrixOfIptables(Matrix, Case):
    backend = 'iptables'

    # threat-model 30
    def test_a_helper_that_is_restarted_while_it_looks_at_its_rules(self):
        """The call under way ends first: one that failed would take the rules back, and the service would go on without."""
        self.up()

        def restart():
            self.box.run('systemctl', '--no-block', 'restart', HELPER)
            poll(lambda: self.box.run('systemctl', 'show', '-P', 'ActiveState', HELPER).out.strip() == 'deactivating',
                 10, 'it was asked to end')
        end_watch = self.observer.watch('antigravity-ls', 'dev')
        try:
            armed = self.steps.arm('look', 1, restart)
            call = self.box.start('busctl', 'call', HELPER_NAME, '/' + HELPER_NAME.replace('.', '/'), HELPER_NAME, 'EnsureRedirect')
            self.assertTrue(armed.wait(lambda: False), f'there was no look, only {self.steps.seen}')
            _, error = call.communicate(timeout=60)
            self.assertEqual(0, call.returncode, error)
            self.recovers()
        finally:
            probes, of_others = end_watch()
        self.nothing_escaped(probes, is_capture_on=True)
        self.assertEqual([], [probe for probe in of_others if probe[2] != 'direct'], 'somebody else noticed')
        self.works()


def is_here(number):
    """Whether that row of the short run is this release's."""
    if os.environ.get('AGP_CRASH_MATRIX') == 'full' or not os.environ.get('AGP_RELEASE'):
        return True
    return number % 2 == (os.environ['AGP_RELEASE'] == 'trixie')


def add_rows(matrix):
    for number, row in enumerate(rows(matrix.backend)):
        phase, step, nth, victims = row
        name = f'test_{phase}_{step.replace(".", "_")}{f"_{nth}" if nth else ""}_without_{"_and_".join(victims)}'
        if is_here(number):
            setattr(matrix, name, case_of(Matrix.run_row, *row))
    for number, (phase, step, nth, backend) in enumerate(POWER_CUTS):
        if backend == matrix.backend and is_here(number):
            setattr(matrix, f'test_power_cut_at_{phase}_{step.replace(".", "_")}_{nth}',
                    case_of(Matrix.run_power_cut, phase, step, nth))


add_rows(CrashMatrix)
add_rows(CrashMatrixOfIptables)
