import { useState } from "preact/hooks";
import { type Video, call } from "../api";
import { useAct } from "../parts/act";
import { Heading } from "../parts/heading";
import { useList } from "../parts/list";
import { Poster } from "../parts/poster";
import { bytes, moment, text } from "../texts";

/** The own videos that were deleted, while they can be had again. */
export function Trash() {
  const [round, setRound] = useState(0);
  const { items, problem, more } = useList<Video>("/v1/videos?status=deleted", round);
  return (
    <>
      <Heading>{text("trash")}</Heading>
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && !more && <p class="empty">{text("noTrash")}</p>}
      <ul class="rows">
        {items?.map((video) => (
          <Row video={video} changed={() => setRound((known) => known + 1)} key={video.id} />
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
    </>
  );
}

function Row({ video, changed }: { video: Video; changed: () => void }) {
  const { act, isBusy, outcome } = useAct();
  const say = (path: string, method: string) =>
    act(async () => {
      await call(`${video.links.self}${path}`, { method });
      changed();
    });
  return (
    <li class="card">
      <Poster video={video} />
      <div>
        <b>{video.title}</b>
        <p>
          <small>
            {bytes(video.size)}
            {video.deleted_at && ` · ${moment(video.deleted_at)}`}
          </small>
        </p>
        <button disabled={isBusy} onClick={() => void say("/restore", "POST")}>
          {text("restore")}
        </button>
        <button disabled={isBusy} onClick={() => void say("?permanent=true", "DELETE")}>
          {text("deleteForGood")}
        </button>
        {outcome}
      </div>
    </li>
  );
}
