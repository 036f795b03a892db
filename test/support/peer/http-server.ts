// An HTTP server that sends a reproducible stream (GET /BYTES) and hashes what it is sent (PUT /).
// Prints `ready` when it listens. Arguments: PORT, and the ADDRESS
// to listen at.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { pattern } from './pattern.ts';

const [port = '8080', address = '0.0.0.0'] = process.argv.slice(2);

const server = createServer(async (request, response) => {
  // At `::` an IPv4 peer is seen by its mapped address.
  const from = (request.socket.remoteAddress ?? '').replace('::ffff:', '');
  if (request.method === 'PUT') {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    response.end(JSON.stringify({ from, bytes, sha256: hash.digest('hex') }));
    return;
  }
  const bytes = Number((request.url ?? '/0').slice(1));
  response.writeHead(200, { 'content-length': bytes, 'x-from': from });
  pattern(bytes).pipe(response);
});
server.listen(Number(port), address, () => console.log('ready'));
