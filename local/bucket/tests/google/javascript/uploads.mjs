// Uploads: whole, in chunks, interrupted, and refused.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';

import {
  CREATE,
  UNIT,
  bucket,
  bytesOf,
  check,
  content,
  crc32c,
  faults,
  faultsAreUsedUp,
  metadataOf,
  put,
  refused,
  resumable,
} from './common.mjs';

check('a small upload arrives whole with its metadata', async () => {
  const md5Hash = createHash('md5').update('small').digest('base64');
  await put('small.txt', 'small', {
    validation: 'crc32c',
    metadata: {
      md5Hash,
      contentType: 'text/plain; charset=utf-8',
      cacheControl: 'no-store',
      contentLanguage: 'de',
      metadata: { Title: 'Grüße', empty: '' },
    },
  });
  const found = await metadataOf('small.txt');
  assert.equal(Number(found.size), 5);
  assert.equal(found.contentType, 'text/plain; charset=utf-8');
  assert.equal(found.cacheControl, 'no-store');
  assert.equal(found.contentLanguage, 'de');
  assert.deepEqual(found.metadata, { Title: 'Grüße', empty: '' });
  assert.equal(found.crc32c, crc32c(Buffer.from('small')));
  assert.equal(found.md5Hash, md5Hash);
  assert.equal(String(found.metageneration), '1');
  assert.equal(`${await bytesOf('small.txt')}`, 'small');
  assert.equal(`${await bytesOf('small.txt', { validation: 'md5' })}`, 'small');
  assert.deepEqual(await bucket.file('small.txt').exists(), [true]);
  assert.deepEqual(await bucket.file('other').exists(), [false]);
});

check('empty objects can be written both ways', async () => {
  for (const resumable of [false, true]) {
    await put(`empty/${resumable}`, '', { resumable });
    assert.equal((await bytesOf(`empty/${resumable}`)).length, 0);
  }
});

check('a resumable upload arrives whole', async () => {
  for (const size of [9 * UNIT + 12_345, 8 * UNIT]) {
    const data = content(size);
    for (const chunkSize of [undefined, UNIT, 4 * UNIT]) {
      const name = `resumable/${size}/${chunkSize}`;
      await put(name, data, { resumable: true, chunkSize, validation: 'crc32c' });
      assert.equal((await metadataOf(name)).crc32c, crc32c(data));
      assert.ok((await bytesOf(name)).equals(data));
    }
  }
});

check('a resumable upload survives a bucket that fails in its middle', async () => {
  const data = content(7 * UNIT + 1);
  for (const fault of [{ status: 503 }, { reset: true }, { reset_after_effect: true }]) {
    const name = `cut/${Object.keys(fault)[0]}`;
    async function* interrupted() {
      yield data.subarray(0, 3 * UNIT);
      // The client reads ahead: what is sent after this is in the middle of the upload.
      await pause(100);
      const rule = { method: 'PUT', path_contains: '/upload/', times: 1 };
      await faults({ ...rule, do: fault });
      yield data.subarray(3 * UNIT);
    }
    const file = bucket.file(name);
    const options = await resumable(file, { chunkSize: 2 * UNIT, validation: 'crc32c' });
    const upload = file.createWriteStream(options);
    await pipeline(Readable.from(interrupted()), upload);
    assert.ok(await faultsAreUsedUp(), 'the upload was not interrupted');
    assert.ok((await bytesOf(name)).equals(data));
  }
});

check('an upload is taken up again by another client', async () => {
  const data = content(5 * UNIT + 77);
  const file = bucket.file('recovered');
  const [uri] = await file.createResumableUpload({
    metadata: { contentType: 'video/mp4' },
    ...CREATE,
  });
  // The session's address is all that is needed.
  const first = await fetch(uri, {
    method: 'PUT',
    redirect: 'manual',
    headers: { 'content-range': `bytes 0-${2 * UNIT - 1}/*` },
    body: data.subarray(0, 2 * UNIT),
  });
  assert.equal(first.status, 308);
  assert.equal(first.headers.get('range'), `bytes=0-${2 * UNIT - 1}`);
  await file.save(data, { resumable: true, uri, chunkSize: 2 * UNIT, validation: 'crc32c' });
  assert.equal((await metadataOf('recovered')).contentType, 'video/mp4');
  assert.ok((await bytesOf('recovered')).equals(data));
});

check('create-only is create-only', async () => {
  const file = await put('once', 'first');
  const { generation } = await metadataOf('once');
  await refused(put('once', 'second'), 412);
  await refused(put('once', content(2 * UNIT), { resumable: true, chunkSize: UNIT }), 412);
  // What counts is the end of a resumable upload, not its start.
  const overtaken = bucket.file('overtaken');
  const [uri] = await overtaken.createResumableUpload(CREATE);
  await put('overtaken', 'first');
  await refused(overtaken.save('late', { resumable: true, uri }), 412);
  assert.equal(`${await bytesOf('overtaken')}`, 'first');
  assert.equal((await metadataOf('once')).generation, generation);
  assert.equal(`${(await file.download())[0]}`, 'first');
});

check('a wrong checksum writes nothing', async () => {
  const metadata = { crc32c: crc32c(Buffer.from('something else')) };
  const data = content(UNIT + 1);
  const whole = { metadata, validation: false };
  const resumable = { ...whole, resumable: true };
  for (const how of [whole, resumable, { ...resumable, chunkSize: UNIT }]) {
    await refused(put('corrupt', data, how), 400);
    assert.deepEqual(await bucket.file('corrupt').exists(), [false]);
  }
});
