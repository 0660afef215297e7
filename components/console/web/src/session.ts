// Who is signed in. Tokens lie in this origin's storage, so that all tabs have the same ones; of several tabs one at a time
// exchanges the refresh token, which is good for one exchange.

import type { components } from "../contract";

type Tokens = components["schemas"]["Tokens"];

const KEY = "spinreel.session";
/** Is there where the last session ended without its user's doing: a reload, or another tab, says so too. */
const ENDED = "spinreel.session-ended";
/** A token that lives no longer than this is exchanged before it is used, in milliseconds. */
const MARGIN = 30_000;

interface Stored {
  accessToken: string;
  refreshToken: string;
  /** Milliseconds since the Unix epoch. */
  expiresAt: number;
}

type Listener = () => void;
const listeners = new Set<Listener>();

/** Calls back when somebody signs in or out, in this tab or in another one. */
export function onSession(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

addEventListener("storage", (event) => {
  if (event.key === KEY) listeners.forEach((listener) => listener());
});

function stored(): Stored | null {
  const text = localStorage.getItem(KEY);
  return text ? (JSON.parse(text) as Stored) : null;
}

export function isSignedIn(): boolean {
  return stored() !== null;
}

/** Whether an admin is signed in: the token says so (RFC 9068). The services look for themselves. */
export function isAdmin(): boolean {
  const claims = stored()?.accessToken.split(".")[1];
  if (!claims) return false;
  const { roles } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) as { roles?: string[] };
  return roles?.includes("admin") ?? false;
}

/** Whether the last session was ended somewhere else, and nobody has signed in since. */
export function wasEnded(): boolean {
  return localStorage.getItem(ENDED) !== null;
}

/** Ends what another place ended already. */
export function expire(): void {
  // Who signed out meanwhile knows.
  if (!isSignedIn()) return;
  localStorage.setItem(ENDED, "true");
  forget();
}

export function begin(tokens: Tokens): void {
  localStorage.removeItem(ENDED);
  keep(tokens);
  listeners.forEach((listener) => listener());
}

/** Ends at its user's word. */
export function end(): void {
  localStorage.removeItem(ENDED);
  forget();
}

function forget(): void {
  localStorage.removeItem(KEY);
  listeners.forEach((listener) => listener());
}

function keep(tokens: Tokens): void {
  const session: Stored = {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresAt: Date.now() + tokens.expires_in * 1000,
  };
  localStorage.setItem(KEY, JSON.stringify(session));
}

/** An access token that is good for a while yet; `null` where nobody is signed in. */
export async function accessToken(mustBeNew = false): Promise<string | null> {
  const before = stored();
  if (!before) return null;
  if (!mustBeNew && before.expiresAt - Date.now() > MARGIN) return before.accessToken;
  return navigator.locks.request(KEY, async () => {
    const now = stored();
    if (!now) return null;
    // Another tab did it while this one waited.
    if (now.accessToken !== before.accessToken) return now.accessToken;
    const response = await fetch("/v1/sessions/refresh", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh_token: now.refreshToken }),
    });
    if (response.status === 401) {
      expire();
      return null;
    }
    if (!response.ok) return now.accessToken;
    keep((await response.json()) as Tokens);
    return stored()?.accessToken ?? null;
  });
}
