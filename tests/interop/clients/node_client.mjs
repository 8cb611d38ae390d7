// One request with a part of Node: node_client.mjs fetch|https|http2 METHOD URL [HEADER: VALUE]... < body
// Prints one line of JSON: status, protocol, and length and digest of the body as Node gives it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';

const [library, method, url, ...lines] = process.argv.slice(2);
const headers = Object.fromEntries(lines.map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]));
const body = method === 'POST' ? readFileSync(0) : undefined;

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

async function withFetch() {
  const answer = await fetch(url, { method, headers, body });
  return [answer.status, 'fetch', Buffer.from(await answer.arrayBuffer())];
}

async function withHttps() {
  const answer = await new Promise((resolve, reject) => {
    const request = https.request(url, { method, headers, ALPNProtocols: ['http/1.1'] }, resolve);
    request.on('error', reject);
    request.end(body);
  });
  return [answer.statusCode, `http/${answer.httpVersion}`, await collect(answer)];
}

async function withHttp2() {
  const { origin, pathname, search } = new URL(url);
  const session = http2.connect(origin);
  const request = session.request({ ':method': method, ':path': pathname + search, ...headers });
  const head = new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    session.on('error', reject);
  });
  request.end(body);
  const status = (await head)[':status'];
  const content = await collect(request);
  const protocol = session.alpnProtocol;
  session.close();
  return [status, protocol, content];
}

const run = { fetch: withFetch, https: withHttps, http2: withHttp2 }[library];
const [status, protocol, content] = await run();
console.log(JSON.stringify({
  status, protocol, length: content.length, sha256: createHash('sha256').update(content).digest('hex'),
}));
