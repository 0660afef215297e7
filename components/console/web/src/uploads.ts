// Uploads by tus: they go on after a pause, a lost network or a reload.

import { Upload } from "tus-js-client";
import { accessToken } from "./session";

export interface Progress {
  id: number;
  name: string;
  sent: number;
  size: number;
  state: "running" | "paused" | "done" | "failed";
  /** Bytes a second, over the last few seconds. */
  rate: number;
  reason?: string;
}

type Listener = (uploads: Progress[]) => void;

const running = new Map<number, { progress: Progress; upload: Upload }>();
const listeners = new Set<Listener>();
let last = 0;

export function onUploads(listener: Listener): () => void {
  listeners.add(listener);
  listener(current());
  return () => listeners.delete(listener);
}

function current(): Progress[] {
  return [...running.values()].map(({ progress }) => ({ ...progress }));
}

function tell(): void {
  const uploads = current();
  listeners.forEach((listener) => listener(uploads));
}

/** Begins to upload a file; one of which a part came before goes on there. */
export async function begin(file: File, done: () => void): Promise<void> {
  const progress: Progress = { id: ++last, name: file.name, sent: 0, size: file.size, state: "running", rate: 0 };
  let mark = { at: performance.now(), sent: 0 };
  const upload = new Upload(file, {
    endpoint: "/v1/uploads",
    // Pieces that every platform takes.
    chunkSize: 8 * 1024 * 1024,
    retryDelays: [0, 1_000, 3_000, 5_000, 10_000, 30_000],
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, filetype: file.type || "application/octet-stream" },
    onBeforeRequest: async (request) => {
      request.setHeader("Authorization", `Bearer ${await accessToken()}`);
    },
    onProgress: (sent) => {
      const now = performance.now();
      if (now - mark.at > 1_000) {
        progress.rate = ((sent - mark.sent) * 1_000) / (now - mark.at);
        mark = { at: now, sent };
      }
      progress.sent = sent;
      tell();
    },
    onError: (error) => {
      progress.state = "failed";
      progress.reason = reasonOf(error);
      tell();
    },
    onSuccess: () => {
      progress.state = "done";
      progress.sent = progress.size;
      tell();
      done();
    },
  });
  running.set(progress.id, { progress, upload });
  tell();
  const before = await upload.findPreviousUploads();
  if (before[0]) upload.resumeFromPreviousUpload(before[0]);
  upload.start();
}

/** The stable word of a refusal, where the answer has one. */
function reasonOf(error: Error): string {
  const answer = (error as { originalResponse?: { getBody(): string } }).originalResponse;
  try {
    return JSON.parse(answer?.getBody() ?? "").code;
  } catch {
    return "network";
  }
}

export async function pause(id: number): Promise<void> {
  const found = running.get(id);
  if (!found) return;
  found.progress.state = "paused";
  found.progress.rate = 0;
  await found.upload.abort();
  tell();
}

export function resume(id: number): void {
  const found = running.get(id);
  if (!found) return;
  found.progress.state = "running";
  found.progress.reason = undefined;
  found.upload.start();
  tell();
}

/** Takes an upload off the list; one that is not done ends. */
export async function remove(id: number): Promise<void> {
  const found = running.get(id);
  running.delete(id);
  tell();
  if (found && found.progress.state !== "done") await found.upload.abort(true).catch(() => undefined);
}
