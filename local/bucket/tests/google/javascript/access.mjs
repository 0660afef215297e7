// Credentials that are none, or not enough.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';

import {
  KEY,
  bucket,
  bucketWith,
  bytesOf,
  named,
  put,
  refused,
  serviceAccount,
  strictCheck,
} from './common.mjs';

strictCheck('wrong credentials are refused', async () => {
  await put('mine', 'secret');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const forged = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const strangers = [
    // Without credentials: what the client does at an address that is not Google's.
    [bucketWith({}), 401],
    [bucketWith(named(serviceAccount({ ...KEY, private_key: forged }))), 400],
    [bucketWith(named(serviceAccount({ ...KEY, client_email: 'other@example.com' }))), 400],
  ];
  for (const [theirs, code] of strangers) {
    await refused(theirs.file('mine').download(), code);
    await refused(theirs.file('mine').getMetadata(), code);
    await refused(theirs.file('mine').delete(), code);
    await refused(theirs.file('new').save('x', { resumable: false }), code);
    await refused(theirs.file('new').save('x', { resumable: true }), 401);
    await refused(theirs.file('new').createResumableUpload(), code);
    await refused(theirs.getFiles(), code);
  }
  assert.equal(`${await bytesOf('mine')}`, 'secret');
  assert.deepEqual(await bucket.file('new').exists(), [false]);
});

strictCheck('a token for reading only reads', async () => {
  await put('read-only', 'seen');
  const scope = 'https://www.googleapis.com/auth/devstorage.read_only';
  const theirs = bucketWith(named(serviceAccount(KEY, scope)));
  assert.equal(`${(await theirs.file('read-only').download())[0]}`, 'seen');
  await refused(theirs.file('read-only').delete(), 403);
  await refused(theirs.file('new').save('x', { resumable: false }), 403);
  await refused(theirs.file('new').createResumableUpload(), 403);
  assert.deepEqual(await bucket.file('new').exists(), [false]);
});
