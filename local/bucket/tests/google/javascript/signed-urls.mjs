// URLs that the client signs (V4, RSA), used by somebody who has nothing else.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import {
  ENDPOINT,
  UNIT,
  bucket,
  bytesOf,
  content,
  crc32c,
  metadataOf,
  plain,
  put,
  signed,
  strictCheck,
} from './common.mjs';

strictCheck('a signed URL reads', async () => {
  const data = content(1000);
  const file = await put('signed', data, { contentType: 'video/mp4' });
  const url = await signed(file, { action: 'read', promptSaveAs: 'ü.mp4' });
  assert.ok(url.startsWith(ENDPOINT), url);
  const whole = await plain('GET', url);
  assert.equal(whole.status, 200, whole.text);
  assert.ok(whole.body.equals(data));
  assert.equal(whole.headers['content-type'], 'video/mp4');
  assert.ok(whole.headers['x-goog-hash'].includes(`crc32c=${crc32c(data)}`));
  const part = await plain('GET', url, '', { range: 'bytes=10-19' });
  assert.equal(part.status, 206, part.text);
  assert.ok(part.body.equals(data.subarray(10, 20)));
  for (const method of ['PUT', 'DELETE']) {
    const answer = await plain(method, url);
    assert.equal(answer.status, 403, answer.text);
    assert.match(answer.text, /<Code>SignatureDoesNotMatch<\/Code>/);
  }
});

strictCheck('a signed URL writes and deletes', async () => {
  const data = content(2000);
  const file = bucket.file('signed-put');
  const demanded = {
    'x-goog-if-generation-match': '0',
    'x-goog-content-length-range': '1000,2000',
  };
  const url = await signed(file, {
    action: 'write',
    contentType: 'video/mp4',
    extensionHeaders: demanded,
  });
  const headers = { 'content-type': 'video/mp4', ...demanded };
  const without = await plain('PUT', url, data, { 'content-type': 'video/mp4' });
  assert.ok([400, 403].includes(without.status), without.text);
  const other = await plain('PUT', url, data, { ...headers, 'content-type': 'text/html' });
  assert.equal(other.status, 403, other.text);
  for (const size of [999, 2001]) {
    const answer = await plain('PUT', url, content(size), headers);
    assert.equal(answer.status, 400, answer.text);
  }
  assert.deepEqual(await file.exists(), [false]);
  const first = await plain('PUT', url, data, headers);
  assert.equal(first.status, 200, first.text);
  const second = await plain('PUT', url, data, headers);
  assert.equal(second.status, 412, second.text);
  assert.ok((await bytesOf('signed-put')).equals(data));
  assert.equal((await metadataOf('signed-put')).contentType, 'video/mp4');
  const gone = await plain('DELETE', await signed(file, { action: 'delete' }));
  assert.equal(gone.status, 204, gone.text);
  assert.deepEqual(await file.exists(), [false]);
});

strictCheck('a signed URL starts a resumable upload', async () => {
  const data = content(2 * UNIT);
  const file = bucket.file('signed-resumable');
  const url = await signed(file, { action: 'resumable', contentType: 'video/mp4' });
  const headers = { 'x-goog-resumable': 'start', 'content-type': 'video/mp4' };
  const started = await plain('POST', url, '', headers);
  assert.equal(started.status, 201, started.text);
  // The session is a credential of its own. It is at the host that was named, which had no port.
  const { pathname, search } = new URL(started.headers.location);
  const answer = await fetch(ENDPOINT + pathname + search, { method: 'PUT', body: data });
  assert.ok([200, 201].includes(answer.status), await answer.text());
  assert.ok((await bytesOf('signed-resumable')).equals(data));
});

strictCheck('a signed URL that is old or changed is refused', async () => {
  const file = await put('guarded', 'secret');
  await put('guarded2', 'secret too');
  const old = await signed(file, { action: 'read', expires: Date.now() + 1000 });
  await pause(2100);
  const expired = await plain('GET', old);
  assert.equal(expired.status, 400, expired.text);
  assert.match(expired.text, /<Code>ExpiredToken<\/Code>/);

  const url = await signed(file, { action: 'read' });
  assert.equal((await plain('GET', url)).status, 200);
  const changed = (change) => {
    const other = new URL(url);
    change(other);
    return other.href;
  };
  const set = (name, value) => changed((other) => other.searchParams.set(name, value));
  const signature = new URL(url).searchParams.get('X-Goog-Signature');
  const attempts = [
    changed((other) => (other.pathname += '2')),
    changed((other) => (other.search = '')),
    changed((other) => other.searchParams.delete('X-Goog-Signature')),
    set('X-Goog-Signature', signature.slice(0, -1) + (signature.endsWith('0') ? '1' : '0')),
    set('X-Goog-Expires', '604800'),
    set('X-Goog-Credential', 'somebody@example.com/20300101/auto/storage/goog4_request'),
    set('generation', '1'),
  ];
  for (const attempt of attempts) {
    const answer = await plain('GET', attempt);
    assert.ok([400, 401, 403].includes(answer.status), `${attempt}: ${answer.status}`);
    assert.ok(!answer.text.includes('secret'));
  }
  // The signature holds for the host that it names.
  const elsewhere = await plain('GET', url, '', { host: 'elsewhere' });
  assert.equal(elsewhere.status, 403, elsewhere.text);
});
