"""Chromium without a screen, driven by Debian's chromium-driver and python3-selenium."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path


class Missing(Exception):
    """Why there is no browser here."""


def need():
    for program, package in (('chromium', 'chromium'), ('chromedriver', 'chromium-driver')):
        if not shutil.which(program):
            raise Missing(f'{program} is not installed (package {package})')
    if subprocess.run(['/usr/bin/python3', '-c', 'import selenium'], capture_output=True, check=False).returncode != 0:
        raise Missing('python module selenium is not installed (package python3-selenium)')


class Browser:
    """One page in a browser of its own, which forgets everything at the end."""

    def __init__(self, folder, scheme='light', width=1280, height=900):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which('chromium')
        # It runs as root and in a namespace of the test's, where its own sandbox cannot be made.
        for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--lang=en',
                         '--disable-background-networking', '--disable-component-update', '--no-first-run', '--no-proxy-server',
                         f'--user-data-dir={Path(folder) / "profile"}', f'--window-size={width},{height}'):
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
        self.driver = webdriver.Chrome(service=Service(shutil.which('chromedriver')), options=options)
        self.driver.set_page_load_timeout(60)
        self.requests, self.answers, self.console = [], {}, []
        self.look(scheme, width, height)

    def close(self):
        self.driver.quit()

    def look(self, scheme, width, height):
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False})
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, seconds=20, what=''):
        """Until the expression holds; returns its value."""
        end = time.monotonic() + seconds
        while True:
            found = self.run(f'return {script}')
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f'not within {seconds} s: {what or script}; console: {self.errors()}')
            time.sleep(0.1)

    def press(self, *keys):
        """Keys as a person presses them, to whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def picture(self, file, whole=True):
        """A PNG of the whole page, as high as it is."""
        made = self.driver.execute_cdp_cmd('Page.captureScreenshot', {'format': 'png', 'captureBeyondViewport': whole})
        Path(file).write_bytes(base64.b64decode(made['data']))

    def _take_logs(self):
        self.console += self.driver.get_log('browser')
        for entry in self.driver.get_log('performance'):
            message = json.loads(entry['message'])['message']
            if message['method'] in ('Network.requestWillBeSent', 'Network.webSocketCreated'):
                self.requests.append(message['params'].get('request', message['params'])['url'])
            elif message['method'] == 'Network.responseReceived':
                self.answers[message['params']['response']['url']] = message['params']['response']['status']

    def errors(self):
        """What the console says that is not harmless; violations of the policy are among it."""
        self._take_logs()
        return [entry['message'] for entry in self.console if entry['level'] in ('SEVERE', 'WARNING')]

    def status_of(self, address):
        """The last answer that came from there; None before there is one."""
        self._take_logs()
        return self.answers.get(address)

    def asked(self):
        """Every address that the page has asked for."""
        self._take_logs()
        return self.requests
