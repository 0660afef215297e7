import { useState } from "preact/hooks";
import { Link } from "../main";
import { text } from "../texts";
import { Poster, useList } from "./list";

/** What everybody may see, the newest first. */
export function Feed() {
  const [query, setQuery] = useState("");
  const { videos, problem, more } = useList(`/v1/feed?limit=24&q=${encodeURIComponent(query)}`, 0);
  return (
    <>
      <h1>{text("feed")}</h1>
      <input
        type="search"
        aria-label={text("search")}
        placeholder={text("search")}
        onChange={(event) => setQuery(event.currentTarget.value)}
      />
      {problem && <p role="alert">{problem}</p>}
      {videos?.length === 0 && <p>{text("nothingHere")}</p>}
      <ul class="grid">
        {videos?.map((video) => (
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
