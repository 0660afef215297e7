// The log as it grows, for as long as somebody looks.

import { type LogEntry, send } from "./api";
import { events } from "./events";

/** How long a lost connection is waited for, in milliseconds. */
const PAUSE = 3_000;

export interface Follower {
  arrived: (entry: LogEntry) => void;
  connected: (isThere: boolean) => void;
}

/** Follows the log by a filter until the signal. A connection that breaks goes on where it was. */
export async function follow(filter: string, { arrived, connected }: Follower, signal: AbortSignal): Promise<void> {
  let last = "";
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = last ? { "last-event-id": last } : {};
      const { body } = await send(`/v1/logs/tail?${filter}`, { headers, signal });
      if (!body) return;
      connected(true);
      for await (const { id, data } of events(body)) {
        last = id || last;
        if (data) arrived(JSON.parse(data) as LogEntry);
      }
    } catch {
      // It is tried again as long as somebody looks.
    }
    if (signal.aborted) return;
    connected(false);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}
