"""One request with a Python library: python_client.py LIBRARY METHOD URL [HEADER: VALUE]... < body

Prints one line of JSON: status, protocol, and length and digest of the body as the library gives it.
"""

import hashlib
import json
import sys


def with_requests(method, url, headers, data):
    import requests
    answer = requests.request(method, url, headers=headers, data=data, timeout=30)
    return answer.status_code, {10: 'http/1.0', 11: 'http/1.1'}[answer.raw.version], answer.content


def with_httpx(method, url, headers, data, http2=False):
    import httpx
    import ssl
    import os
    context = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])
    with httpx.Client(http2=http2, timeout=30, verify=context, trust_env=False) as client:
        answer = client.request(method, url, headers=headers, content=data)
        return answer.status_code, answer.http_version.lower(), answer.content


def with_urllib(method, url, headers, data):
    import urllib.request
    request = urllib.request.Request(url, method=method, headers=headers, data=data if method == 'POST' else None)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, {10: 'http/1.0', 11: 'http/1.1'}[answer.version], answer.read()


def with_urllib3(method, url, headers, data):
    import os
    import urllib3
    pool = urllib3.PoolManager(ca_certs=os.environ['SSL_CERT_FILE'])
    answer = pool.request(method, url, headers=headers, body=data if method == 'POST' else None)
    return answer.status, {10: 'http/1.0', 11: 'http/1.1'}[answer.version], answer.data


def with_aiohttp(method, url, headers, data):
    import asyncio
    import os
    import ssl
    import aiohttp

    async def call():
        context = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])
        async with aiohttp.ClientSession() as session:
            async with session.request(method, url, headers=headers, data=data, ssl=context) as answer:
                content = await answer.read()
                return answer.status, f'http/{answer.version.major}.{answer.version.minor}', content
    return asyncio.run(call())


def main():
    library, method, url, *lines = sys.argv[1:]
    headers = dict(line.split(': ', 1) for line in lines)
    data = sys.stdin.buffer.read()
    run = {'requests': with_requests, 'httpx': with_httpx, 'urllib': with_urllib, 'urllib3': with_urllib3,
           'aiohttp': with_aiohttp, 'httpx2': lambda *rest: with_httpx(*rest, http2=True)}[library]
    status, protocol, content = run(method, url, headers, data)
    print(json.dumps({'status': status, 'protocol': protocol.replace('http/2', 'h2').replace('h2.0', 'h2'),
                      'length': len(content), 'sha256': hashlib.sha256(content).hexdigest()}))


main()
