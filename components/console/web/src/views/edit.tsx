import { useEffect, useRef, useState } from "preact/hooks";
import { type Links, type Video, type Visibility, exchange, explain } from "../api";
import { fields, useAct } from "../parts/act";
import { Heading } from "../parts/heading";
import { Link } from "../parts/link";
import { Player, linksOf } from "../parts/player";
import { text } from "../texts";
import { CaptionsOf } from "./edit-captions";
import { LinksOf } from "./edit-links";
import { PosterOf } from "./edit-poster";
import { Replace } from "./edit-replace";

const VISIBILITIES: Visibility[] = ["private", "unlisted", "public"];

/** All that an owner changes of a video. */
export function Edit({ id }: { id: string }) {
  const [known, setKnown] = useState<{ video: Video; tag: string | null } | null>(null);
  const [links, setLinks] = useState<Links | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  // Other bytes are another film for the player.
  const [film, setFilm] = useState(0);
  const player = useRef<HTMLVideoElement>(null);
  const load = () =>
    exchange<Video>(`/v1/videos/${encodeURIComponent(id)}`).then(
      ({ body: video, tag }) => setKnown({ video, tag }),
      (error) => setProblem(explain(error)),
    );
  useEffect(() => {
    void load();
  }, [id]);
  const video = known?.video;
  useEffect(() => {
    if (video?.status === "ready") linksOf(video).then(setLinks, () => undefined);
  }, [video?.id, video?.status, video?.visibility, film]);
  if (problem) return <p role="alert">{problem}</p>;
  if (!known || !video) return <p role="status">{text("loading")}</p>;
  return (
    <>
      <Heading>{video.title}</Heading>
      <Link to={`/app/watch/${video.id}`}>{text("watch")}</Link>
      {video.status === "unplayable" && (
        <p>
          {text("unplayable")} <small lang="en">{video.unplayable_reason}</small>
        </p>
      )}
      {links && video.status === "ready" && <Player links={links} title={video.title} element={player} />}
      <Details video={video} tag={known.tag} changed={(video, tag) => setKnown({ video, tag })} />
      <LinksOf video={video} />
      <CaptionsOf video={video} />
      <PosterOf video={video} player={player} changed={() => void load()} />
      <Replace video={video} changed={() => void load().then(() => setFilm((known) => known + 1))} />
    </>
  );
}

/** What a video is called, and who may see it. A change that another one overtook is refused, and nothing of it is lost. */
function Details({ video, tag, changed }: { video: Video; tag: string | null; changed: (video: Video, tag: string | null) => void }) {
  const { act, isBusy, outcome } = useAct();
  const save = (event: SubmitEvent) => {
    const form = fields(event);
    const tags = String(form.get("tags")).split(",").map((tag) => tag.trim()).filter(Boolean);
    const body = { title: form.get("title"), description: form.get("description"), visibility: form.get("visibility"), tags };
    return act(async () => {
      const answer = await exchange<Video>(video.links.self, { method: "PATCH", body, headers: { "if-match": tag ?? "*" } });
      changed(answer.body, answer.tag);
    }, text("saved"));
  };
  return (
    <form class="card broad" onSubmit={(event) => void save(event)}>
      <label>
        {text("title")}
        <input name="title" defaultValue={video.title} required maxLength={255} />
      </label>
      <label>
        {text("description")}
        <textarea name="description" defaultValue={video.description} maxLength={5000} rows={4} />
      </label>
      <label>
        {text("tags")}
        <input name="tags" defaultValue={video.tags.join(", ")} />
      </label>
      <label>
        {text("visibility")}
        <select name="visibility" defaultValue={video.visibility}>
          {VISIBILITIES.map((word) => (
            <option value={word} selected={word === video.visibility} key={word}>
              {text(word)}
            </option>
          ))}
        </select>
      </label>
      {outcome}
      <button disabled={isBusy}>{text("save")}</button>
    </form>
  );
}
