// Calls of the API, and what comes of them.

import type { components } from "../contract";
import { accessToken } from "./session";

type Schemas = components["schemas"];
export type Video = Schemas["Video"];
export type Visibility = Schemas["Visibility"];
export type DayUsage = Schemas["DayUsage"];
export type StorageStatus = Schemas["StorageStatus"];

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Links {
  expires_at: string;
  content_url: string;
  hls_url: string | null;
  dash_url: string | null;
  poster_url: string | null;
  captions: { lang: string; url: string }[];
}

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

export interface Call {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Calls the API as whoever is signed in. A token that ended meanwhile is exchanged once. */
export async function call<T>(path: string, { method = "GET", body, headers = {} }: Call = {}): Promise<T> {
  return (await exchange<T>(path, { method, body, headers })).body;
}

/** As `call`, with the entity tag of what came. */
export async function exchange<T>(
  path: string,
  { method = "GET", body, headers = {} }: Call = {},
): Promise<{ body: T; tag: string | null }> {
  for (const isLastTry of [false, true]) {
    const token = await accessToken(isLastTry);
    const response = await fetch(path, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.status === 401 && token && !isLastTry) continue;
    const text = await response.text();
    const answer = text ? JSON.parse(text) : null;
    if (!response.ok) {
      throw new Refusal(
        response.status,
        answer?.code ?? "unknown",
        answer?.detail ?? answer?.error ?? response.statusText,
        answer?.errors,
      );
    }
    return { body: answer as T, tag: response.headers.get("etag") };
  }
  throw new Refusal(401, "token_invalid", "");
}
