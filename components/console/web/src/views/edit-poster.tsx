import type { RefObject } from "preact";
import { type Video, call } from "../api";
import { useAct } from "../parts/act";
import { Poster } from "../parts/poster";
import { pictureOf } from "../poster";
import { text } from "../texts";

/** The picture that stands for a video: one from the film, or a file. */
export function PosterOf({ video, player, changed }: { video: Video; player: RefObject<HTMLVideoElement | null>; changed: () => void }) {
  const { act, isBusy, outcome } = useAct();
  const address = `${video.links.self}/poster`;
  const put = (body: Blob | null | undefined) =>
    act(async () => {
      if (!body) return;
      await call(address, { method: "PUT", body });
      changed();
    }, text("posterTaken"));
  const take = async () => put(player.current && (await pictureOf(player.current)));
  const remove = () =>
    act(async () => {
      await call(address, { method: "DELETE" });
      changed();
    });
  return (
    <section class="card">
      <h2>{text("poster")}</h2>
      <div class="thumb">
        <Poster video={video} />
      </div>
      {video.status === "ready" && (
        <button disabled={isBusy} onClick={() => void take()}>
          {text("posterNow")}
        </button>
      )}
      <label>
        {text("posterFile")}
        <input type="file" accept="image/jpeg,image/png,image/webp" onChange={(event) => void put(event.currentTarget.files?.[0])} />
      </label>
      {outcome}
      {video.links.poster && (
        <button disabled={isBusy} onClick={() => void remove()}>
          {text("removePoster")}
        </button>
      )}
    </section>
  );
}
