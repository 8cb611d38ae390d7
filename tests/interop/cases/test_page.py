"""The page of the daemon in a browser: Chromium, as Debian has it, with real calls behind it."""

import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from case import STREAM, Case, body
from npm_package import AXE
from world import API, poll

sys.path.append(str(Path(__file__).resolve().parents[2] / 'web'))
from browser import Browser, Missing, need  # noqa: E402

CASCADE = '3f0c2a77-8c1e-4b0e-9d55-1d1a4c7f9b10'
WIDTHS = (360, 768, 1280)
# Names that the daemon passes on, and what else a name could be.
AS_THEY_ARE = ('<img src=x onerror=document.title=1>', '${document.title=1}')
HOSTILE = ('</script><script>document.title=1</script>', 'مرحبا\u202eevil\u2066', 'x' * 10_000, 'a\nb\u0000c')
STAND_INS = """
const names = %s, real = window.fetch;
window.fetch = async (...asked) => {
  const answer = await real(...asked);
  if (String(asked[0]).includes('stream')) return answer;
  const replaced = (await answer.text()).replace(/"stand-in-([0-9]+)"/g, (_, at) => JSON.stringify(names[at]));
  return new Response(replaced, { status: answer.status });
};
"""
# Each part has its answer. What comes last under load is not the same every time.
SEEN = """document.getElementById('version').textContent && document.getElementById('quota').textContent
  && document.querySelector('#models tbody tr, #welcome:not([hidden])') && document.querySelector('#cascades tbody tr, #cascades .empty')
  && document.getElementById('latest').textContent && document.querySelector('#live.on')"""


class Framing(http.server.BaseHTTPRequestHandler):
    """A page of somebody else that shows ours in a frame."""

    def do_GET(self):
        body_ = f'<!doctype html><title>other</title><iframe src="{API}/"></iframe>'.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(body_)))
        self.end_headers()
        self.wfile.write(body_)

    def log_message(self, *_):
        pass


class Page(Case):
    def setUp(self):
        try:
            need()
        except Missing as why:
            self.skipTest(str(why))
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix='agp-page-', dir='/var/tmp')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def open(self, scheme='light', width=1280, height=900, ready=SEEN, before=''):
        browser = Browser(Path(self.folder) / f'{scheme}{width}', scheme, width, height)
        self.addCleanup(browser.close)
        browser.driver.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': before})
        browser.driver.get(f'{API}/')
        browser.wait(ready, 40, 'the page has its answers')
        return browser

    def call(self, model='gemini-3-flash', cascade=CASCADE, step=1):
        """One call of a model by the language server's account, in a conversation."""
        asked = body(model=model).decode()[:-1] + f', "requestId": "agent/{cascade}/1763900000000/{CASCADE}/{step}"}}'
        done = self.world.run('curl', '-sS', '-m', '30', '--http1.1', '-H', 'Content-Type: application/json',
                              '--data-binary', '@-', STREAM, proxied=True, stdin=asked.encode())
        self.assertEqual(0, done.code, str(done))

    def assertClean(self, browser):
        """Nothing was refused or went wrong, and nobody else was asked."""
        # The daemon of these cases has no language server: 503, and there is nothing to be read of its past.
        self.assertEqual([], [error for error in browser.errors() if not error.startswith(f'{API}/v1/quota')])
        foreign = [address for address in browser.asked() if not address.startswith((f'{API}/', 'data:', 'chrome:', 'about:'))]
        self.assertEqual([], foreign)
        self.assertIn(f'{API}/v1/status', browser.asked(), 'the log of requests is one')

    def assertUsable(self, browser, axe, what):
        browser.run(axe)
        found = browser.driver.execute_async_script(
            'const done = arguments[0]; axe.run().then(result => done(result.violations), fault => done([{id: String(fault), impact: "critical", nodes: []}]))')
        serious = [(one['id'], [node['html'][:200] for node in one['nodes']][:3]) for one in found if one['impact'] in ('serious', 'critical')]
        self.assertEqual([], serious, what)

    def test_it_shows_what_was_measured_at_every_width_in_light_and_dark(self):
        axe = (AXE.folder_or_skip(self) / 'axe.min.js').read_text(encoding='utf-8')
        for model in ('gemini-3-flash', 'gemini-3-pro', 'claude-sonnet-4-6'):
            self.call(model)
        self.new_records(3)
        # Kept for people to look at, where a directory for them is named.
        pictures = os.environ.get('AGP_PICTURES')
        for scheme in ('light', 'dark'):
            for width in WIDTHS:
                with self.subTest(scheme=scheme, width=width):
                    browser = self.open(scheme, width)
                    text = browser.run('return document.body.innerText')
                    for word in ('gemini-3-flash', 'gemini-3-pro', CASCADE[:8], 'Today', '30 days'):
                        self.assertIn(word, text)
                    self.assertLessEqual(browser.run('return document.documentElement.scrollWidth'), width, 'nothing is wider than the screen')
                    self.assertGreater(browser.run("return document.querySelectorAll('canvas').length"), 1)
                    if pictures:
                        browser.picture(Path(pictures) / f'real-{width}-{scheme}.png')
                    self.assertUsable(browser, axe, f'{scheme} {width}')
                    self.assertClean(browser)
                    browser.close()

    def test_new_calls_show_without_asking(self):
        self.call()
        self.new_records(1)
        browser = self.open()
        browser.wait("document.querySelector('#live.on')", what='the stream is open')
        browser.wait("/Calls under way\\s*0/.test(document.getElementById('now-numbers').textContent)", what='the calls under way are counted')
        self.call('claude-opus-live')
        browser.wait("document.getElementById('latest').innerText.includes('claude-opus-live')", what='the call is among the last ones')
        browser.wait("document.getElementById('models').innerText.includes('claude-opus-live')", what='the sums have it')
        self.assertClean(browser)

    def test_a_stopped_service_is_told_and_found_again(self):
        self.call()
        self.new_records(1)
        browser = self.open()
        browser.wait("document.querySelector('#live.on')")
        self.world.restart_daemon()
        browser.wait("document.querySelector('#live.on')", 60, 'the stream is open again')
        self.call('claude-opus-again')
        browser.wait("document.getElementById('latest').innerText.includes('claude-opus-again')", what='calls after the restart show')

    def test_names_are_text_whatever_they_hold(self):
        for name in (*AS_THEY_ARE, *(f'stand-in-{at}' for at in range(len(HOSTILE)))):
            self.call(name)
        self.new_records(len(AS_THEY_ARE) + len(HOSTILE))
        # The daemon cleans names by itself; what it would not give is put into its answers here.
        browser = self.open(width=360, before=STAND_INS % json.dumps(HOSTILE))
        text = browser.run('return document.body.textContent')
        for shown in (*AS_THEY_ARE, '</script><script>document.title=1</script>', 'مرحبا\\u{202e}evil\\u{2066}', 'a\\u{a}b\\u{0}c',
                      'x' * 95 + '…'):
            self.assertIn(shown, text)
        self.assertNotIn('x' * 96, text)
        self.assertNotIn('\u202e', text)
        self.assertEqual('antigravity-proxy', browser.run('return document.title'))
        self.assertEqual([0, 1], browser.run("return [document.querySelectorAll('img').length, document.scripts.length]"))
        self.assertLessEqual(browser.run('return document.documentElement.scrollWidth'), 360)
        self.assertClean(browser)

    def test_a_conversation_opens_to_its_calls_by_keyboard_alone(self):
        from selenium.webdriver.common.keys import Keys
        for step in range(3):
            self.call(step=step)
        self.new_records(3)
        browser = self.open()
        focused = "document.activeElement.textContent.trim().slice(0, 60)"
        browser.press(Keys.TAB)
        self.assertEqual('Skip to the content', browser.run(f'return {focused}'))
        browser.press(Keys.ENTER)
        passed = []
        while not browser.run(f"return document.activeElement.dataset.key === 'cascade {CASCADE}'"):
            browser.press(Keys.TAB)
            passed.append(browser.run(f'return {focused}'))
            self.assertLess(len(passed), 60, f'the keyboard reaches the conversation: {passed}')
        self.assertTrue(any(text.startswith('Today') for text in passed), passed)
        self.assertIn('Cost', passed)
        self.assertIn('As a table', passed)
        outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        self.assertEqual('solid', outline, 'one sees where the keyboard is')
        browser.press(Keys.ENTER)
        rows = "document.querySelectorAll('.inner tbody tr').length"
        browser.wait(f'{rows} >= 3', what='its calls are shown')
        self.assertEqual('true', browser.run("return document.activeElement.getAttribute('aria-expanded')"), 'the focus stays')
        browser.press(Keys.ENTER)
        browser.wait(f'{rows} === 0', what='they are folded away')
        self.assertClean(browser)

    def test_another_range_and_measure_are_chosen_by_keyboard(self):
        from selenium.webdriver.common.keys import Keys
        self.call()
        self.new_records(1)
        browser = self.open()
        browser.run("document.querySelector('#ranges button').focus()")
        browser.press(Keys.SPACE)
        self.assertEqual(['true', 'false', 'false'], browser.run(
            "return [...document.querySelectorAll('#ranges button')].map(one => one.getAttribute('aria-pressed'))"))
        label = "document.querySelector('#usage-chart .plot').getAttribute('aria-label')"
        self.assertIn('tokens by model, today', browser.run(f'return {label}'))
        browser.wait("document.getElementById('cascades-range').textContent === 'today'")
        hours = browser.run("return [...document.querySelectorAll('#usage-chart tbody tr')].map(row => row.cells[1].textContent)")
        self.assertIn(len(hours), (23, 24, 25))
        self.assertTrue(any(hour != '0' for hour in hours), 'the call has its hour')
        browser.run("document.querySelectorAll('#measure button')[1].focus()")
        browser.press(Keys.ENTER)
        self.assertIn('Cost estimate', browser.run(f'return {label}'))
        self.assertEqual('Cost', browser.run('return document.activeElement.textContent'), 'the focus stays')

    def test_without_any_call_it_says_what_to_do(self):
        self.world.end('daemon')
        state = self.world.scratch / 'state'
        state.rename(state.with_suffix('.away'))
        self.addCleanup(self.give_back, state)
        self.world.start_daemon()
        browser = self.open(width=360)
        text = browser.run('return document.body.innerText')
        self.assertIn('Nothing measured yet', text)
        self.assertIn('antigravity-proxy run', text)
        self.assertNotIn('$0', text)
        self.assertClean(browser)

    def give_back(self, state):
        self.world.end('daemon')
        shutil.rmtree(state)
        state.with_suffix('.away').rename(state)
        self.world.start_daemon()

    def test_what_is_refused_is_told_with_what_to_do(self):
        browser = self.open(ready='document.getElementById("quota").innerText.length > 0')
        # This daemon runs without a language server, which is a 503 with its hint.
        text = browser.wait("document.getElementById('quota').innerText", what='quota or why there is none')
        self.assertIn('this service runs without a language server', text)
        self.assertIn('language_server.mode: managed', text)
        self.assertNotIn('100 %', text)

    def test_other_pages_cannot_frame_it(self):
        other = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Framing)
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        browser = self.open(ready='true')
        self.assertEqual(200, browser.status_of(f'{API}/'))
        browser.driver.get(f'http://127.0.0.1:{other.server_address[1]}/')
        poll(lambda: browser.status_of(f'{API}/') == 403, 20, 'the frame is refused')
