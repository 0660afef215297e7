import { useEffect, useState } from "preact/hooks";
import { type Links, type Video, call, explain } from "../api";
import { Copy } from "../parts/copy";
import { Heading } from "../parts/heading";
import { Player, linksOf } from "../parts/player";
import { moment, text } from "../texts";

/** A video and its player. */
export function Watch({ id }: { id: string }) {
  const [video, setVideo] = useState<Video | null>(null);
  const [links, setLinks] = useState<Links | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const address = `/v1/videos/${encodeURIComponent(id)}`;
  useEffect(() => {
    const load = async () => {
      const video = await call<Video>(address);
      setVideo(video);
      setLinks(await linksOf(video));
    };
    load().catch((error) => setProblem(explain(error)));
  }, [id]);
  // That somebody watches is told; it is no reason to fail.
  const started = () => void call(`${address}/views`, { method: "POST" }).catch(() => undefined);
  if (problem) return <p role="alert">{problem}</p>;
  if (!video) return <p role="status">{text("loading")}</p>;
  return (
    <article>
      {video.status === "unplayable" ? <Unplayable video={video} /> : links && <Player links={links} title={video.title} started={started} />}
      <Heading>{video.title}</Heading>
      <small>
        {video.views} {text("views")} · {moment(video.created_at)}
      </small>
      <p class="description">{video.description}</p>
      {video.tags.length > 0 && <p>{video.tags.map((tag) => `#${tag}`).join(" ")}</p>}
      {video.visibility !== "private" && <Copy address={`/app/watch/${video.id}`} />}
    </article>
  );
}

function Unplayable({ video }: { video: Video }) {
  return (
    <p class="card">
      {text("unplayable")} <small lang="en">{video.unplayable_reason}</small>
    </p>
  );
}
