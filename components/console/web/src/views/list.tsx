import { useEffect, useState } from "preact/hooks";
import { type Page, type Video, call } from "../api";
import { duration, text } from "../texts";
import { explain } from "./sign-in";

/** A list of videos, a page at a time; it begins anew when `path` or `round` changes. */
export function useList(path: string, round: number) {
  const [videos, setVideos] = useState<Video[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  const load = async (after: string | null) => {
    const more = after ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(after)}` : "";
    try {
      const page = await call<Page<Video>>(path + more);
      setVideos((known) => (after ? [...(known ?? []), ...page.items] : page.items));
      setCursor(page.next_cursor);
      setProblem(null);
    } catch (error) {
      setProblem(explain(error));
    }
  };
  useEffect(() => {
    void load(null);
  }, [path, round]);
  return { videos, problem, more: cursor ? () => void load(cursor) : null };
}

/** The poster, or in its place the film's length. */
export function Poster({ video }: { video: Video }) {
  const length = video.media ? duration(video.media.duration_ms) : text(video.status === "uploading" ? "uploading" : "watch");
  return (
    <span class="poster" aria-hidden="true">
      {length}
    </span>
  );
}
