import { useEffect, useState } from "preact/hooks";
import { type DayUsage, type StorageStatus, type Video, type Visibility, call, exchange } from "../api";
import { Link } from "../main";
import { bytes, reason, text } from "../texts";
import { type Progress, begin, onUploads, pause, remove, resume } from "../uploads";
import { Poster, useList } from "./list";
import { explain } from "./sign-in";

/** The own videos, or those in the trash. */
export function Videos({ isTrash }: { isTrash: boolean }) {
  const [round, setRound] = useState(0);
  const [query, setQuery] = useState("");
  const changed = () => setRound((known) => known + 1);
  const path = isTrash ? "/v1/videos?status=deleted" : `/v1/videos?q=${encodeURIComponent(query)}`;
  const { videos, problem, more } = useList(path, round);
  return (
    <>
      <h1>{text(isTrash ? "trash" : "videos")}</h1>
      {!isTrash && <Gauges round={round} />}
      {!isTrash && <Uploads changed={changed} />}
      {!isTrash && (
        <input
          type="search"
          aria-label={text("search")}
          placeholder={text("search")}
          onChange={(event) => setQuery(event.currentTarget.value)}
        />
      )}
      {problem && <p role="alert">{problem}</p>}
      {videos?.length === 0 && <p>{text("nothingHere")}</p>}
      <ul class="rows">
        {videos?.map((video) => (
          <Row video={video} isTrash={isTrash} changed={changed} key={video.id} />
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
    </>
  );
}

/** How much of the quota and of the day's bandwidth is used. */
function Gauges({ round }: { round: number }) {
  const [storage, setStorage] = useState<StorageStatus | null>(null);
  const [day, setDay] = useState<DayUsage | null>(null);
  useEffect(() => {
    call<StorageStatus>("/storage-status").then(setStorage, () => undefined);
    call<DayUsage>("/v1/usage/today").then(setDay, () => undefined);
  }, [round]);
  return (
    <div class="gauges">
      {storage && <Gauge name={text("storage")} used={storage.used_storage} limit={storage.total_storage} />}
      {day && <Gauge name={text("bandwidth")} used={day.total_bytes} limit={day.limit_bytes} />}
    </div>
  );
}

function Gauge({ name, used, limit }: { name: string; used: number; limit: number }) {
  return (
    <label>
      {name}: {bytes(used)} {text("of")} {bytes(limit)}
      <meter min={0} max={limit} high={limit * 0.8} optimum={0} value={used} />
    </label>
  );
}

/** Where files are chosen and dropped, and what is on its way. */
function Uploads({ changed }: { changed: () => void }) {
  const [uploads, setUploads] = useState<Progress[]>([]);
  useEffect(() => onUploads(setUploads), []);
  const take = (files: FileList | null | undefined) => {
    for (const file of files ?? []) void begin(file, changed);
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
      <ul>
        {uploads.map((upload) => (
          <li key={upload.id}>
            <b>{upload.name}</b> <UploadState upload={upload} />
            <progress max={upload.size} value={upload.sent} aria-label={upload.name} />
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

function UploadState({ upload }: { upload: Progress }) {
  if (upload.state === "done") return <span>{text("done")}</span>;
  if (upload.state === "paused") return <span>{text("paused")}</span>;
  if (upload.state === "failed") return <span role="alert">{reason(upload.reason ?? "unknown")}</span>;
  if (!upload.rate) return null;
  const seconds = Math.ceil((upload.size - upload.sent) / upload.rate);
  return (
    <span>
      {bytes(upload.rate)}/s, {seconds} s {text("left")}
    </span>
  );
}

/** One video, and what its owner does with it. */
function Row({ video, isTrash, changed }: { video: Video; isTrash: boolean; changed: () => void }) {
  const [problem, setProblem] = useState<string | null>(null);
  const [isCopied, setCopied] = useState(false);
  const address = `/v1/videos/${video.id}`;
  const act = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setProblem(null);
      changed();
    } catch (error) {
      setProblem(explain(error));
    }
  };
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    void act(async () => {
      const { tag } = await exchange<Video>(address);
      const body = { title: form.get("title"), visibility: form.get("visibility") };
      await call(address, { method: "PATCH", body, headers: { "if-match": tag ?? "*" } });
    });
  };
  const copy = async () => {
    await navigator.clipboard.writeText(new URL(`/app/watch/${video.id}`, location.href).href);
    setCopied(true);
  };
  return (
    <li class="card">
      {isTrash ? <Poster video={video} /> : <Link to={`/app/watch/${video.id}`}><Poster video={video} /></Link>}
      <form onSubmit={save}>
        <label>
          {text("title")}
          <input name="title" defaultValue={video.title} required disabled={isTrash} />
        </label>
        <label>
          {text("visibility")}
          <select name="visibility" disabled={isTrash}>
            {(["private", "unlisted", "public"] satisfies Visibility[]).map((word) => (
              <option value={word} selected={word === video.visibility} key={word}>
                {text(word)}
              </option>
            ))}
          </select>
        </label>
        <small>
          {bytes(video.size)} · {video.views} {text("views")}
        </small>
        {video.status === "unplayable" && <p>{text("unplayable")}</p>}
        {problem && <p role="alert">{problem}</p>}
        {isTrash ? (
          <>
            <button type="button" onClick={() => void act(() => call(`${address}/restore`, { method: "POST" }))}>
              {text("restore")}
            </button>
            <button type="button" onClick={() => void act(() => call(`${address}?permanent=true`, { method: "DELETE" }))}>
              {text("deleteForGood")}
            </button>
          </>
        ) : (
          <>
            <button>{text("save")}</button>
            <button type="button" onClick={() => void copy()}>
              {text(isCopied ? "copied" : "copyLink")}
            </button>
            <button type="button" onClick={() => void act(() => call(address, { method: "DELETE" }))}>
              {text("delete")}
            </button>
          </>
        )}
      </form>
    </li>
  );
}
