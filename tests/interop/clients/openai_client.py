"""Debian's library as it comes: openai_client.py BASE_URL SCENARIO [ARGUMENTS as JSON]; prints one line of JSON."""

import json
import sys

import openai

base_url, scenario, *given = sys.argv[1:]
arguments = json.loads(given[0]) if given else {}
client = openai.OpenAI(base_url=base_url, api_key='not-needed', max_retries=0)


def summary(response):
    return {'id': response.id, 'status': response.status, 'text': response.output_text, 'usage': response.usage.model_dump(),
            'previous': response.previous_response_id, 'measured': response.antigravity_proxy}


def response():
    return summary(client.responses.create(**arguments))


def stream():
    events = list(client.responses.create(stream=True, **arguments))
    return {'events': [event.type for event in events], 'last': summary(events[-1].response),
            'text': ''.join(event.delta for event in events if event.type == 'response.output_text.delta')}


def turns():
    first = client.responses.create(**arguments)
    second = client.responses.create(model=arguments['model'], input='And the second?', previous_response_id=first.id)
    return [summary(first), summary(second)]


def chat():
    arguments['messages'] = arguments.pop('input')
    done = client.chat.completions.create(**arguments)
    return {**done.choices[0].model_dump(), 'usage': done.usage.model_dump(), 'measured': done.antigravity_proxy}


def chat_stream():
    arguments['messages'] = arguments.pop('input')
    chunks = list(client.chat.completions.create(stream=True, stream_options={'include_usage': True}, **arguments))
    return {'text': ''.join(chunk.choices[0].delta.content or '' for chunk in chunks if chunk.choices),
            'usage': chunks[-1].usage.model_dump(), 'measured': chunks[-1].antigravity_proxy}


def abort():
    with client.responses.create(stream=True, **arguments) as events:
        for event in events:
            if event.type == 'response.output_text.delta':
                return {'delta': event.delta}
    return {}


SCENARIOS = {each.__name__: each for each in (response, stream, turns, chat, chat_stream, abort)}
try:
    print(json.dumps(SCENARIOS[scenario]()))
except openai.APIStatusError as error:
    body = error.body or {}
    print(json.dumps({'error': {'kind': type(error).__name__, 'status': error.status_code, 'code': body.get('code'),
                                'param': body.get('param'), 'message': str(error)}}))
