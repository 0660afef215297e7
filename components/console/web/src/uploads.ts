// Uploads by tus: they go on after a pause, a lost network or a reload.

import { Upload, defaultOptions } from "tus-js-client";
import { accessToken } from "./session";

export interface Progress {
  id: number;
  name: string;
  sent: number;
  size: number;
  state: "waiting" | "running" | "paused" | "done" | "failed";
  /** Bytes a second, over the last few seconds. */
  rate: number;
  reason?: string;
}

/** What comes of an upload, and where it goes if that is known. */
export interface Wish {
  done: (file: File) => void;
  /** The upload's own address, of a replacement. */
  address?: string;
}

type Listener = (uploads: Progress[]) => void;

/** How many uploads send at once: a browser has six connections to a host, and the page needs some. */
const MOST_AT_ONCE = 3;
/** Pieces that every platform takes, in bytes. */
const PIECE = 8 * 1024 * 1024;

const known = new Map<number, { progress: Progress; upload: Upload }>();
const listeners = new Set<Listener>();
let last = 0;

export function onUploads(listener: Listener): () => void {
  listeners.add(listener);
  listener(current());
  return () => listeners.delete(listener);
}

function current(): Progress[] {
  return [...known.values()].map(({ progress }) => ({ ...progress }));
}

function tell(): void {
  const uploads = current();
  listeners.forEach((listener) => listener(uploads));
}

/** Lets those begin that wait, as far as there is room. */
function advance(): void {
  for (const { progress, upload } of known.values()) {
    const running = [...known.values()].filter((one) => one.progress.state === "running").length;
    if (running >= MOST_AT_ONCE) break;
    if (progress.state !== "waiting") continue;
    progress.state = "running";
    upload.start();
  }
  tell();
}

// What the network stopped goes on when it is back.
addEventListener("online", () => {
  for (const { progress } of known.values()) {
    if (progress.state === "failed" && progress.reason === "network") progress.state = "waiting";
  }
  advance();
});

/** Begins to upload a file; one of which a part came before goes on there. */
export async function begin(file: File, { done, address }: Wish): Promise<void> {
  const progress: Progress = { id: ++last, name: file.name, sent: 0, size: file.size, state: "waiting", rate: 0 };
  let mark = { at: performance.now(), sent: 0 };
  const upload = new Upload(file, {
    endpoint: "/v1/uploads",
    uploadUrl: address ?? null,
    chunkSize: PIECE,
    retryDelays: [0, 1_000, 3_000, 5_000, 10_000, 30_000],
    removeFingerprintOnSuccess: true,
    storeFingerprintForResuming: !address,
    metadata: { filename: file.name, filetype: file.type || "application/octet-stream" },
    onBeforeRequest: async (request) => {
      const token = await accessToken();
      if (token) request.setHeader("Authorization", `Bearer ${token}`);
    },
    onProgress: (sent) => {
      const now = performance.now();
      if (now - mark.at > 1_000) {
        progress.rate = Math.max(0, ((sent - mark.sent) * 1_000) / (now - mark.at));
        mark = { at: now, sent };
      }
      progress.sent = sent;
      tell();
    },
    onError: (error) => {
      progress.state = "failed";
      progress.reason = reasonOf(error);
      advance();
    },
    onSuccess: () => {
      progress.state = "done";
      progress.sent = progress.size;
      advance();
      done(file);
    },
  });
  known.set(progress.id, { progress, upload });
  tell();
  if (!address) {
    const before = await upload.findPreviousUploads();
    if (before[0]) upload.resumeFromPreviousUpload(before[0]);
  }
  advance();
}

/** The names of files whose uploads a reload cut: whoever chooses one again goes on with it. */
export async function unfinished(): Promise<string[]> {
  const stored = (await defaultOptions.urlStorage?.findAllUploads()) ?? [];
  const here = new Set([...known.values()].map(({ progress }) => progress.name));
  const names = stored.map(({ metadata }) => metadata.filename ?? "").filter((name) => name && !here.has(name));
  return [...new Set(names)];
}

/** The stable word of a refusal, where the answer has one. */
function reasonOf(error: Error): string {
  const answer = (error as { originalResponse?: { getBody(): string } | null }).originalResponse;
  if (!answer) return "network";
  try {
    return JSON.parse(answer.getBody()).code;
  } catch {
    return "unknown";
  }
}

export async function pause(id: number): Promise<void> {
  const found = known.get(id);
  if (!found) return;
  found.progress.state = "paused";
  found.progress.rate = 0;
  await found.upload.abort();
  advance();
}

export function resume(id: number): void {
  const found = known.get(id);
  if (!found) return;
  found.progress.state = "waiting";
  found.progress.reason = undefined;
  advance();
}

/** Takes an upload off the list; one that is not done ends. */
export async function remove(id: number): Promise<void> {
  const found = known.get(id);
  known.delete(id);
  advance();
  if (found && found.progress.state !== "done") await found.upload.abort(true).catch(() => undefined);
}
