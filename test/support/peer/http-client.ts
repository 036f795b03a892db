// An HTTP client: `get URL BYTES` or `put URL BYTES`. Prints what was received, by whom, as JSON.

import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { pattern } from './pattern.ts';

const [method = 'get', url = '', size = '0'] = process.argv.slice(2);
const bytes = Number(size);

if (method === 'get') {
  request(`${url}/${bytes}`, async (response) => {
    const hash = createHash('sha256');
    let received = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      received += chunk.length;
    }
    const from = response.headers['x-from'];
    console.log(JSON.stringify({ from, bytes: received, sha256: hash.digest('hex') }));
  }).end();
} else {
  const upload = request(url, { method: 'PUT', headers: { 'content-length': bytes } }, async (response) => {
    for await (const chunk of response as AsyncIterable<Buffer>) process.stdout.write(chunk);
  });
  pattern(bytes).pipe(upload);
}
