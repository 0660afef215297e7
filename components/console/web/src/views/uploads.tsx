import { useEffect, useState } from "preact/hooks";
import { type Page, type Video, call, send } from "../api";
import { pictureIn } from "../poster";
import { bytes, reason, text } from "../texts";
import { type Progress, begin, onUploads, pause, remove, resume, unfinished } from "../uploads";

/** Where files are chosen and dropped, and what is on its way. */
export function Uploads({ changed }: { changed: () => void }) {
  const [uploads, setUploads] = useState<Progress[]>([]);
  const [before, setBefore] = useState<string[]>([]);
  useEffect(() => onUploads(setUploads), []);
  useEffect(() => {
    unfinished().then(setBefore, () => undefined);
  }, [uploads.length]);
  const done = (file: File) => {
    changed();
    // A film without a poster is a film all the same.
    if (file.size) givePoster(file).then(changed, () => undefined);
  };
  const take = (files: FileList | null | undefined) => {
    for (const file of files ?? []) void begin(file, { done });
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    take(event.dataTransfer?.files);
  };
  return (
    <section class="card" aria-label={text("upload")} onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <label class="drop">
        {text("chooseFiles")}
        <input type="file" multiple onChange={(event) => take(event.currentTarget.files)} />
      </label>
      {before.length > 0 && (
        <p>
          {text("again")} {before.join(", ")}
        </p>
      )}
      <ul>
        {uploads.map((upload) => (
          <li key={upload.id}>
            <b>{upload.name}</b> <UploadState upload={upload} />
            <progress max={upload.size || 1} value={upload.size ? upload.sent : Number(upload.state === "done")} aria-label={upload.name} />
            {upload.state === "running" && <button onClick={() => void pause(upload.id)}>{text("pause")}</button>}
            {(upload.state === "paused" || upload.state === "failed") && (
              <button onClick={() => resume(upload.id)}>{text("resume")}</button>
            )}
            <button onClick={() => void remove(upload.id)}>{text("remove")}</button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function UploadState({ upload }: { upload: Progress }) {
  if (upload.state === "failed") return <span role="alert">{reason(upload.reason ?? "unknown")}</span>;
  if (upload.state !== "running") return <span>{text(upload.state)}</span>;
  if (!upload.rate) return null;
  const seconds = Math.ceil((upload.size - upload.sent) / upload.rate);
  return (
    <span>
      {bytes(upload.rate)}/s, {seconds} s {text("left")}
    </span>
  );
}

/** Gives the video that a file became a picture from it, where the browser can take one and there is none. */
async function givePoster(file: File): Promise<void> {
  const [picture, page] = await Promise.all([pictureIn(file), call<Page<Video>>("/v1/videos?limit=50")]);
  const video = page.items.find(({ filename }) => filename === file.name);
  if (picture && video && !video.links.poster) await send(`${video.links.self}/poster`, { method: "PUT", body: picture });
}
