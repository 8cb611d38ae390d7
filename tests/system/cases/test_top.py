"""`antigravity-proxy top` on a real terminal: what it shows, and that it gives the terminal back."""

import os
import re
import select

from case import Case
from container import poll

LEAVES = b'\x1b[?1049l'  # of xterm: back to the screen from before
COLORS = re.compile(rb'\x1b\[[0-9;]*3[0-7]m')


class Top(Case):
    def setUp(self):
        super().setUp()
        self.world.start()
        self.world.client('--count', '2')
        self.world.wait_usage(2)

    def open(self, *options, user=None, **settings):
        self.process, self.end = self.box.terminal('antigravity-proxy', 'top', '--interval', '1', *options, user=user,
                                                   **settings)
        self.addCleanup(self.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.seen = b''

    def close(self):
        if self.end >= 0:
            os.close(self.end)
        self.end = -1

    def read(self):
        while select.select([self.end], [], [], 0.05)[0]:
            try:
                piece = os.read(self.end, 65536)
            except OSError:  # the other end is closed
                return
            if not piece:
                return
            self.seen += piece

    def wait_for(self, *words):
        def there():
            self.read()
            return all(word in self.seen for word in words)
        poll(there, 20, f'the screen shows {words}')

    def ended(self):
        def there():
            self.read()
            return self.process.poll() is not None
        poll(there, 20, 'top has ended')
        self.read()
        return self.process.returncode

    def test_it_shows_what_was_measured_until_q(self):
        self.open()
        self.wait_for(b'antigravity-proxy', b'gemini-3-flash', b'QUOTA', b'q quit')
        self.assertRegex(self.seen, COLORS)
        os.write(self.end, b'q')
        self.assertEqual(0, self.ended())
        self.assertIn(LEAVES, self.seen)

    def test_a_call_of_now_appears(self):
        self.open()
        self.wait_for(b'gemini-3-flash')
        self.world.client('--count', '1', '--model', 'gemini-3.1-pro-high')
        self.wait_for(b'gemini-3.1-pro-high')

    def test_without_colour_the_words_are_the_same(self):
        self.open(env={'NO_COLOR': '1'})
        self.wait_for(b'gemini-3-flash', b'QUOTA')
        self.assertNotRegex(self.seen, COLORS)

    def test_a_restart_of_the_service_is_lived_through(self):
        self.open()
        self.wait_for(b'gemini-3-flash')
        self.world.stop()
        self.wait_for(b'Wrong')
        self.seen = b''
        self.world.start()
        self.wait_for(b'gemini-3-flash')

    def test_a_signal_that_ends_it_gives_the_terminal_back(self):
        self.open()
        self.wait_for(b'gemini-3-flash')
        self.box.run('pkill', '-TERM', '-f', '^antigravity-proxy top')
        self.ended()
        self.assertIn(LEAVES, self.seen)

    def test_a_terminal_that_is_closed_ends_it(self):
        self.open()
        self.wait_for(b'gemini-3-flash')
        self.close()
        poll(lambda: self.box.run('pgrep', '-cf', '^antigravity-proxy top', check=False).out.strip() == '0', 20,
             'nothing goes on without a terminal')

    def test_without_a_terminal_it_says_what_to_use(self):
        done = self.box.run('antigravity-proxy', 'top', check=False)
        self.assertEqual(64, done.code)
        self.assertSays(done.err, 'needs a terminal', 'top --json')
