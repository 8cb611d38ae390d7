"""OpenAI Responses over one WebSocket: websocket_client.py URL deflate|plain TAG ID PROMPT...

Prints the events of every response as they came.
"""

import asyncio
import json
import os
import ssl
import sys

import websockets


async def main():
    url, compression, tag, fixed, *prompts = sys.argv[1:]
    context = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])
    options = {'ssl': context, 'compression': 'deflate' if compression == 'deflate' else None, 'max_size': None,
               'extra_headers': {'X-Fake-Tag': tag}}
    try:
        connection = await websockets.connect(url, **options)
    except TypeError:  # renamed in the asyncio implementation of release 14
        options['additional_headers'] = options.pop('extra_headers')
        connection = await websockets.connect(url, **options)
    async with connection:
        for number, prompt in enumerate(prompts):
            marked = f'{prompt} [[fake:;id={fixed}{number}]]'
            await connection.send(json.dumps({'type': 'response.create', 'model': 'gpt-5.3-codex', 'input': marked}))
            while True:
                message = await asyncio.wait_for(connection.recv(), 30)
                print(message)
                if json.loads(message)['type'] in ('response.completed', 'response.incomplete', 'error'):
                    break


asyncio.run(main())
