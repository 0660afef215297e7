// Objects: reads, listings, changes, deletions, names.

import assert from 'node:assert/strict';

import {
  KEY,
  ODD_NAMES,
  bucket,
  bytesOf,
  check,
  content,
  metadataOf,
  plain,
  put,
  refused,
  signed,
} from './common.mjs';

check('preconditions on generations decide', async () => {
  await put('versions', 'one');
  const one = (await metadataOf('versions')).generation;
  const replace = (preconditionOpts) => put('versions', 'two', { preconditionOpts });
  await replace({ ifGenerationMatch: one });
  const two = (await metadataOf('versions')).generation;
  assert.ok(BigInt(two) > BigInt(one));
  await refused(replace({ ifGenerationMatch: one }), 412);
  await refused(replace({ ifGenerationNotMatch: two }), 412);
  await refused(replace({ ifMetagenerationMatch: 2 }), 412);
  await refused(bucket.file('versions', { generation: one }).download(), 404);
  const exact = bucket.file('versions', { generation: two });
  assert.equal(`${(await exact.download())[0]}`, 'two');
});

check('ranges are what was asked for', async () => {
  const data = content(100_000);
  const file = await put('ranges', data);
  const read = async (options) => {
    const parts = [];
    for await (const part of file.createReadStream(options)) parts.push(part);
    return Buffer.concat(parts);
  };
  for (const [start, end] of [[0, 0], [1, 99_999], [50_000, 50_001], [99_999, 99_999]]) {
    assert.ok((await read({ start, end })).equals(data.subarray(start, end + 1)));
  }
  assert.ok((await read({ start: 70_000 })).equals(data.subarray(70_000)));
  assert.ok((await read({ start: 99_000, end: 200_000 })).equals(data.subarray(99_000)));
  assert.ok((await read({ end: -10 })).equals(data.subarray(-10)));
  await refused(read({ start: 100_000 }), 416);
});

check('listings have prefixes, delimiters and pages', async () => {
  const names = ['list/a', 'list/b/1', 'list/b/2', 'list/c', 'list/d/x/y', 'list/ä'];
  for (const name of names) await put(name);
  await put('lisu');
  const listed = async (query) => (await bucket.getFiles(query))[0].map((file) => file.name);
  assert.deepEqual(await listed({ prefix: 'list/' }), names);
  assert.deepEqual(await listed({ prefix: 'nothing' }), []);
  const pages = [];
  let query = { prefix: 'list/', maxResults: 4, autoPaginate: false };
  while (query) {
    const [files, next] = await bucket.getFiles(query);
    pages.push(files.length);
    query = next;
  }
  assert.deepEqual(pages, [4, 2]);
  const streamed = [];
  for await (const file of bucket.getFilesStream({ prefix: 'list/', maxResults: 1 })) {
    streamed.push(file.name);
  }
  assert.ok(names.join().startsWith(streamed.join()) && streamed.length > 0, `${streamed}`);
  const [files, , answer] = await bucket.getFiles({
    prefix: 'list/',
    delimiter: '/',
    autoPaginate: false,
  });
  assert.deepEqual(files.map((file) => file.name), ['list/a', 'list/c', 'list/ä']);
  assert.deepEqual(answer.prefixes, ['list/b/', 'list/d/']);
  const between = { prefix: 'list/', startOffset: 'list/b/2', endOffset: 'list/d' };
  assert.deepEqual(await listed(between), names.slice(2, 4));
});

check('metadata can be patched', async () => {
  const file = await put('patched');
  await file.setMetadata(
    { contentType: 'video/webm', metadata: { a: '1', b: '2' } },
    { ifMetagenerationMatch: 1 },
  );
  await refused(file.setMetadata({ metadata: { a: 'x' } }, { ifMetagenerationMatch: 1 }), 412);
  await file.setMetadata({ metadata: { a: null, c: '3' } });
  const found = await metadataOf('patched');
  assert.deepEqual(found.metadata, { b: '2', c: '3' });
  assert.equal(found.contentType, 'video/webm');
  assert.equal(String(found.metageneration), '3');
});

check('deletion obeys the generation', async () => {
  const file = await put('deleted');
  const { generation } = await metadataOf('deleted');
  await refused(file.delete({ ifGenerationMatch: `${BigInt(generation) - 1n}` }), 412);
  assert.deepEqual(await file.exists(), [true]);
  await file.delete({ ifGenerationMatch: generation });
  assert.deepEqual(await file.exists(), [false]);
  await refused(file.delete(), 404);
  await file.delete({ ignoreNotFound: true });
  await put('deleted', 'new');
});

check('odd names stay what they are', async () => {
  for (const [number, name] of ODD_NAMES.entries()) {
    await put(`odd/${name}`, `${number}`, { resumable: number % 2 === 1 });
  }
  const [files] = await bucket.getFiles({ prefix: 'odd/' });
  const bytewise = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const expected = ODD_NAMES.map((name) => `odd/${name}`).sort(bytewise);
  assert.deepEqual(files.map((file) => file.name), expected);
  for (const [number, name] of ODD_NAMES.entries()) {
    const file = bucket.file(`odd/${name}`);
    assert.equal((await file.getMetadata())[0].name, `odd/${name}`);
    assert.equal(`${await bytesOf(`odd/${name}`)}`, `${number}`, name);
    if (KEY) {
      const answer = await plain('GET', await signed(file, { action: 'read' }));
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
      assert.equal(answer.text, `${number}`, name);
    }
    await file.delete();
    assert.deepEqual(await file.exists(), [false], name);
  }
});
