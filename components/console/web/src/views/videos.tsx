import { useState } from "preact/hooks";
import { type Video, call } from "../api";
import { Copy } from "../parts/copy";
import { Gauges } from "../parts/gauges";
import { Heading } from "../parts/heading";
import { Link } from "../parts/link";
import { useList } from "../parts/list";
import { Poster } from "../parts/poster";
import { useAct } from "../parts/act";
import { bytes, text, word } from "../texts";
import { Uploads } from "./uploads";

/** The own videos. */
export function Videos() {
  const [round, setRound] = useState(0);
  const [query, setQuery] = useState("");
  const [tag, setTag] = useState("");
  const changed = () => setRound((known) => known + 1);
  const asked = new URLSearchParams({ q: query, tag });
  const { items, problem, more } = useList<Video>(`/v1/videos?${asked}`, round);
  const isAll = !query && !tag;
  return (
    <>
      <Heading>{text("videos")}</Heading>
      <Gauges round={round} />
      <Uploads changed={changed} />
      <div class="line">
        <input
          type="search"
          aria-label={text("search")}
          placeholder={text("search")}
          onChange={(event) => setQuery(event.currentTarget.value)}
        />
        {tag && (
          <button onClick={() => setTag("")}>
            {text("tag")}: {tag} × {text("allTags")}
          </button>
        )}
      </div>
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && !more && <p class="empty">{text(isAll ? "noVideos" : "nothingFound")}</p>}
      <ul class="rows">
        {items?.map((video) => (
          <Row video={video} changed={changed} choose={setTag} key={video.id} />
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
    </>
  );
}

/** One video, and what its owner does with it at once. */
function Row({ video, changed, choose }: { video: Video; changed: () => void; choose: (tag: string) => void }) {
  const { act, isBusy, outcome } = useAct();
  const remove = async () => {
    await call(video.links.self, { method: "DELETE" });
    changed();
  };
  return (
    <li class="card">
      <Poster video={video} />
      <div>
        <Link to={`/app/watch/${video.id}`}>
          <b>{video.title}</b>
        </Link>
        <p>
          <small>
            {word("status", video.status)} · {bytes(video.size)} · {video.views} {text("views")} · {text(video.visibility)}
          </small>
        </p>
        {video.tags.length > 0 && (
          <p>
            {video.tags.map((tag) => (
              <button class="tag" onClick={() => choose(tag)} key={tag}>
                {tag}
              </button>
            ))}
          </p>
        )}
        {video.status === "unplayable" && <p>{text("unplayable")}</p>}
        <div class="line">
          <Link to={`/app/videos/${video.id}`}>
            {text("edit")}
            <span class="hidden">: {video.title}</span>
          </Link>
          <Copy address={`/app/watch/${video.id}`} />
          <button disabled={isBusy} onClick={() => void act(remove)}>
            {text("delete")}
          </button>
        </div>
        {outcome}
      </div>
    </li>
  );
}
