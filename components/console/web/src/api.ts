// Calls of the API, and what comes of them. All types are those of the published contract.

import type { components, operations } from "../contract";
import { accessToken, expire } from "./session";
import { reason } from "./texts";

type Schemas = components["schemas"];
export type Video = Schemas["Video"];
export type Visibility = Schemas["Visibility"];
export type DayUsage = Schemas["DayUsage"];
export type StorageStatus = Schemas["StorageStatus"];
export type LogEntry = Schemas["LogEntry"];
export type Health = Schemas["Health"];
export type Alert = Schemas["Alert"];
export type Action = Schemas["Action"];
export type User = Schemas["User"];
export type Managed = Answer<"listUsers">["items"][number];
export type Session = Answer<"listSessions">["items"][number];
export type Captions = Answer<"listCaptions">["items"][number];
export type Links = Answer<"createLinks", 201>;

/** The JSON that an operation of the contract answers with. */
export type Answer<O extends keyof operations, S extends number = 200> = operations[O] extends {
  responses: { [status in S]: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** How long is waited where an answer says when to ask again, in milliseconds. */
const LONGEST_WAIT = 5_000;
/** How often a request is sent again that changes nothing, where the service has too much to do. */
const MOST_TRIES = 3;

/** A refusal, with the stable word that says why. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: { field: string; detail: string }[] = [],
  ) {
    super(message);
  }
}

/** A failure in words: those of the fields where there are any. */
export function explain(error: unknown): string {
  if (!(error instanceof Refusal)) return reason("network");
  const fields = error.fields.map(({ field, detail }) => `${field} ${detail}`);
  return fields.length ? fields.join(". ") : reason(error.code);
}

export interface Call {
  method?: string;
  /** Sent as JSON, or as it is where it is a blob. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Calls the API as whoever is signed in, and gives the JSON that comes. */
export async function call<T>(path: string, options: Call = {}): Promise<T> {
  return (await exchange<T>(path, options)).body;
}

/** As `call`, with the entity tag of what came. */
export async function exchange<T>(path: string, options: Call = {}): Promise<{ body: T; tag: string | null }> {
  const response = await send(path, options);
  const text = await response.text();
  return { body: (text ? JSON.parse(text) : null) as T, tag: response.headers.get("etag") };
}

/**
 * Sends a request; gives an answer that is good. A token that ended meanwhile is exchanged once. What changes nothing is sent again where
 * the answer is 503.
 */
export async function send(path: string, options: Call = {}): Promise<Response> {
  const { method = "GET" } = options;
  let mustBeNew = false;
  for (let tries = 1; ; tries += 1) {
    const token = await accessToken(mustBeNew);
    const response = await fetch(path, request(options, token));
    if (response.ok) return response;
    if (response.status === 401 && token) {
      if (!mustBeNew) {
        mustBeNew = true;
        continue;
      }
      expire();
    }
    if (response.status === 503 && method === "GET" && tries < MOST_TRIES) {
      const seconds = Number(response.headers.get("retry-after") ?? 1);
      await new Promise((done) => setTimeout(done, Math.min(LONGEST_WAIT, (seconds || 1) * 1_000)));
      continue;
    }
    throw await refusal(response);
  }
}

function request({ method = "GET", body, headers = {}, signal }: Call, token: string | null): RequestInit {
  const isBytes = body instanceof Blob;
  return {
    method,
    signal,
    headers: {
      ...(body === undefined || isBytes ? {} : { "content-type": "application/json" }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : isBytes ? body : JSON.stringify(body),
  };
}

async function refusal(response: Response): Promise<Refusal> {
  const text = await response.text();
  let answer: { code?: string; detail?: string; error?: string; errors?: { field: string; detail: string }[] } = {};
  try {
    answer = JSON.parse(text);
  } catch {
    // A proxy's answer is a page.
  }
  const code = answer.code ?? (response.status === 503 ? "unavailable" : "unknown");
  return new Refusal(response.status, code, answer.detail ?? answer.error ?? response.statusText, answer.errors);
}
