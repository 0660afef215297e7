import { useEffect, useState } from "preact/hooks";
import { type Video, call } from "../api";
import { useAct } from "../parts/act";
import { text } from "../texts";
import { type Progress, begin, onUploads } from "../uploads";
import { UploadState } from "./uploads";

/** Gives a video other bytes. */
export function Replace({ video, changed }: { video: Video; changed: () => void }) {
  const { act, isBusy, outcome } = useAct();
  const [uploads, setUploads] = useState<Progress[]>([]);
  const [name, setName] = useState<string | null>(null);
  useEffect(() => onUploads(setUploads), []);
  const replace = (file: File | undefined) =>
    act(async () => {
      if (!file) return;
      const body = { size: file.size, ...(file.type && { content_type: file.type }) };
      const waiting = await call<Video>(`${video.links.self}/replacement`, { method: "POST", body });
      setName(file.name);
      await begin(file, { done: changed, address: waiting.links.upload ?? undefined });
    });
  const upload = uploads.findLast((upload) => upload.name === name);
  return (
    <section class="card">
      <h2>{text("replace")}</h2>
      <p>{text("replaceRule")}</p>
      <label>
        {text("replace")}
        <input type="file" disabled={isBusy} onChange={(event) => void replace(event.currentTarget.files?.[0])} />
      </label>
      {upload && (
        <p>
          <progress max={upload.size || 1} value={upload.sent} aria-label={upload.name} /> <UploadState upload={upload} />
        </p>
      )}
      {outcome}
    </section>
  );
}
