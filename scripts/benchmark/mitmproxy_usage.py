"""The add-on that mitmproxy gets in the benchmark: it streams every answer and reads usage from it."""

import json
import zlib


class Reader:
    def __init__(self, totals, coding):
        self.totals, self.rest, self.usage = totals, b'', None
        self.inflater = zlib.decompressobj(31) if coding == 'gzip' else None

    def __call__(self, chunk):
        if chunk:
            self.feed(self.inflater.decompress(chunk) if self.inflater else chunk)
        else:
            self.end()
        return chunk

    def feed(self, plain):
        *lines, self.rest = (self.rest + plain).split(b'\n')
        for line in lines:
            if line.startswith(b'data: '):
                self.read(line[6:])

    def read(self, text):
        if b'"usageMetadata"' in text:
            self.usage = json.loads(text)['response']['usageMetadata']

    def end(self):
        if self.rest:
            self.read(self.rest)
        if self.usage:
            self.totals['calls'] += 1
            self.totals['total'] += self.usage['totalTokenCount']


class Usage:
    def __init__(self):
        self.totals = {'calls': 0, 'total': 0}

    def responseheaders(self, flow):
        if flow.request.path.partition('?')[0].endswith('enerateContent'):
            flow.response.stream = Reader(self.totals, flow.response.headers.get('content-encoding'))
        else:
            flow.response.stream = True


addons = [Usage()]
