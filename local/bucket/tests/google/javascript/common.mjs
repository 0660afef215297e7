// What the checks of Google's JavaScript client (@google-cloud/storage) share: clients, and ways to interfere.
//
// The environment says where the bucket is: BUCKET_ENDPOINT (http://host:port), BUCKET_NAME, and BUCKET_KEY,
// a service account key (JSON), or empty for a bucket that asks for none; GOOGLE_MODULES is the folder that has
// the client below node_modules/. The bucket is empty at the start and has fault injection switched on.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';

// ES modules are looked for beside the importing file only; the client is installed elsewhere.
const installed = createRequire(`${process.env.GOOGLE_MODULES}/package.json`);
const { Storage, CRC32C } = installed('@google-cloud/storage');
const { GoogleAuth } = installed('google-auth-library');
const { Gaxios } = installed('gaxios');
const require = createRequire(import.meta.url);

export const ENDPOINT = process.env.BUCKET_ENDPOINT;
const BUCKET = process.env.BUCKET_NAME;
export const KEY = JSON.parse(process.env.BUCKET_KEY || 'null');

export const UNIT = 256 * 1024;
const SCOPES = 'https://www.googleapis.com/auth/devstorage.full_control';
// The client's own rules for what is retried; only its pauses, in seconds, are as short as it allows.
const RETRY = { autoRetry: true, maxRetries: 3, maxRetryDelay: 1, totalTimeout: 20 };
export const CREATE = { preconditionOpts: { ifGenerationMatch: 0 } };
// Names that a careless server or client confuses, cuts short or decodes twice.
export const ODD_NAMES = require('../odd-names.json');

/**
 * The client's credentials for a service account, with tokens from the key's own token URI.
 *
 * This version of the client has Google's token address as a constant and does not read `token_uri`.
 * What it lets be set is the transport; so that sends this one request elsewhere, and all the rest,
 * the assertion and its signature, is the client's.
 */
export function serviceAccount(key, scopes = SCOPES) {
  const transporter = new Gaxios();
  transporter.interceptors.request.add({
    resolved: async (options) => {
      const url = new URL(options.url);
      return url.hostname.endsWith('.googleapis.com') && url.pathname.endsWith('/token')
        ? { ...options, url: key.token_uri }
        : options;
    },
  });
  return new GoogleAuth({ credentials: key, scopes, clientOptions: { transporter } });
}

export function bucketWith(options, retryOptions = RETRY) {
  const storage = new Storage({
    apiEndpoint: ENDPOINT,
    projectId: 'local',
    retryOptions,
    ...options,
  });
  return storage.bucket(BUCKET);
}

// Without the flag, the client drops credentials for any address but Google's.
export const named = (authClient) => ({ authClient, useAuthWithCustomEndpoint: true });
export const bucket = bucketWith(KEY ? named(serviceAccount(KEY)) : {});

export const checks = [];
/** A check of every bucket. */
export const check = (title, run) => checks.push({ title, run });
/** A check of a bucket that asks for credentials. */
export const strictCheck = (title, run) => KEY && check(title, run);

/** Bytes in which no two blocks are alike. */
export function content(size) {
  const bytes = Buffer.alloc(Math.ceil(size / 4) * 4);
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32BE(i / 4, i);
  return bytes.subarray(0, size);
}

export function crc32c(data) {
  const sum = new CRC32C();
  sum.update(data);
  return sum.toString();
}

/** The promise must fail with this code: a status, or a system error's name. */
export async function refused(promise, ...codes) {
  const error = await promise.then(
    () => undefined,
    (error) => error,
  );
  assert.ok(error, 'this should have been refused');
  const code = error.code ?? error.status;
  assert.ok(codes.includes(isNaN(code) ? code : Number(code)), `${code}: ${error.stack}`);
}

export let faultsAreSet = false;

/** Makes the bucket misbehave; without rules, makes it behave again. */
export async function faults(...rules) {
  const answer = await fetch(`${ENDPOINT}/_spinreel/faults`, {
    method: rules.length ? 'POST' : 'DELETE',
    ...(rules.length && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ faults: rules }),
    }),
  });
  assert.equal(answer.status, 204);
  faultsAreSet = rules.length > 0;
}

/** Whether every rule has struck as often as it was to. */
export async function faultsAreUsedUp() {
  const answer = await fetch(`${ENDPOINT}/_spinreel/faults`);
  return (await answer.json()).faults.length === 0;
}

/**
 * A request without any credentials of its own. The client signs the host's name without its port, so
 * that is what has to be sent; `fetch` does not let anybody set the Host header.
 */
export function plain(method, url, body = '', headers = {}) {
  const { hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = { host: hostname, 'content-length': Buffer.byteLength(body), ...headers };
    const call = http.request(url, { method, headers: sent }, async (answer) => {
      const parts = [];
      try {
        for await (const part of answer) parts.push(part);
      } catch (error) {
        return reject(error);
      }
      const whole = Buffer.concat(parts);
      const { statusCode: status, headers } = answer;
      resolve({ status, headers, body: whole, text: `${whole}` });
    });
    call.on('error', reject);
    call.end(body);
  });
}

/**
 * Options for a resumable upload. In this version of the client, uploads that start their session themselves do not
 * know of `useAuthWithCustomEndpoint` and go without credentials; `createResumableUpload` does.
 */
export async function resumable(file, options = {}) {
  const given = { ...CREATE, ...options, resumable: true };
  if (!KEY) return given;
  const [uri] = await file.createResumableUpload(given);
  return { ...given, uri };
}

export async function put(name, data = 'some bytes', options = {}) {
  const file = bucket.file(name);
  const given = options.resumable
    ? await resumable(file, options)
    : { ...CREATE, ...options, resumable: false };
  await file.save(data, given);
  return file;
}

export const bytesOf = async (name, options = {}) =>
  (await bucket.file(name).download({ validation: 'crc32c', ...options }))[0];
export const metadataOf = async (name) => (await bucket.file(name).getMetadata())[0];
export const signed = async (file, options) =>
  (await file.getSignedUrl({ version: 'v4', expires: Date.now() + 300_000, ...options }))[0];

