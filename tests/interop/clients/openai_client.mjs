// The official client library, as it comes: openai_client.mjs PACKAGE BASE_URL SCENARIO [ARGUMENTS as JSON]
// Prints one line of JSON.
import { pathToFileURL } from 'node:url';

const [where, baseURL, scenario, given] = process.argv.slice(2);
const { default: OpenAI } = await import(pathToFileURL(`${where}/index.mjs`));
const client = new OpenAI({ baseURL, apiKey: 'not-needed', maxRetries: 0 });
const { model, input, ...more } = JSON.parse(given ?? '{}');

function summary(response) {
  return {
    id: response.id, status: response.status, model: response.model, text: response.output_text, usage: response.usage,
    previous: response.previous_response_id, measured: response.antigravity_proxy, instructions: response.instructions,
  };
}

const scenarios = {
  async response() {
    return summary(await client.responses.create({ model, input, ...more }));
  },
  async stream() {
    const events = [];
    let text = '';
    let last;
    for await (const event of await client.responses.create({ model, input, stream: true, ...more })) {
      events.push([event.sequence_number, event.type]);
      if (event.type === 'response.output_text.delta') text += event.delta;
      last = event;
    }
    return { events, text, last: summary({ ...last.response, output_text: last.response.output.at(-1)?.content[0]?.text }) };
  },
  async helper() { // the library puts the events together itself, and is strict about them
    const stream = client.responses.stream({ model, input, ...more });
    return summary(await stream.finalResponse());
  },
  async turns() {
    const first = await client.responses.create({ model, input, ...more });
    const second = await client.responses.create({ model, input: 'And the second?', previous_response_id: first.id });
    return [summary(first), summary(second)];
  },
  async chat() {
    const done = await client.chat.completions.create({ model, messages: input, ...more });
    return { ...done.choices[0], id: done.id, usage: done.usage, measured: done.antigravity_proxy };
  },
  async chatStream() {
    const options = { model, messages: input, stream: true, stream_options: { include_usage: true }, ...more };
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(options)) chunks.push(chunk);
    return {
      text: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''),
      roles: chunks.map((chunk) => chunk.choices[0]?.delta.role).filter(Boolean),
      reasons: chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean),
      usage: chunks.at(-1).usage, measured: chunks.at(-1).antigravity_proxy, number: chunks.length,
    };
  },
  async chatHelper() {
    const stream = client.chat.completions.stream({ model, messages: input, ...more });
    const done = await stream.finalChatCompletion();
    return { ...done.choices[0], id: done.id };
  },
  async together() { // COUNT conversations at the same time
    const { count, ...rest } = more;
    const one = (_, index) => client.responses.create({ model, input: `${input} ${index}`, ...rest });
    return (await Promise.all(Array.from({ length: count }, one))).map(summary);
  },
  async abort() { // leaves in the middle of the answer
    const stream = await client.responses.create({ model, input, stream: true, ...more });
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') {
        stream.controller.abort();
        return { delta: event.delta };
      }
    }
    return {};
  },
};

try {
  console.log(JSON.stringify(await scenarios[scenario]()));
} catch (error) {
  console.log(JSON.stringify({
    error: { kind: error.constructor.name, status: error.status, code: error.code, param: error.param, message: error.message },
  }));
}
