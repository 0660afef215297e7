import { useState } from "preact/hooks";
import type { Video } from "../api";
import { Heading } from "../parts/heading";
import { Link } from "../parts/link";
import { useList } from "../parts/list";
import { Poster } from "../parts/poster";
import { text } from "../texts";

/** What everybody may see, the newest first. */
export function Feed() {
  const [query, setQuery] = useState("");
  const { items, problem, more } = useList<Video>(`/v1/feed?limit=24&q=${encodeURIComponent(query)}`);
  return (
    <>
      <Heading>{text("feed")}</Heading>
      <input
        type="search"
        aria-label={text("search")}
        placeholder={text("search")}
        onChange={(event) => setQuery(event.currentTarget.value)}
      />
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && !more && <p class="empty">{text(query ? "nothingFound" : "noFeed")}</p>}
      <ul class="grid">
        {items?.map((video) => (
          <li key={video.id}>
            <Link to={`/app/watch/${video.id}`}>
              <Poster video={video} />
              <b>{video.title}</b>
            </Link>
            <small>
              {video.views} {text("views")}
            </small>
          </li>
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
    </>
  );
}
