import { useEffect, useRef, useState } from "preact/hooks";
import { type Links, type Video, call } from "../api";
import { isSignedIn } from "../session";
import { text } from "../texts";
import { explain } from "./sign-in";

/** A video and its player. */
export function Watch({ id }: { id: string }) {
  const [video, setVideo] = useState<Video | null>(null);
  const [links, setLinks] = useState<Links | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    const address = `/v1/videos/${encodeURIComponent(id)}`;
    const load = async () => {
      const video = await call<Video>(address);
      document.title = `${video.title} · Spinreel`;
      setVideo(video);
      setLinks(isSignedIn() ? await call<Links>(`${address}/playback`, { method: "POST", body: {} }) : open(video));
    };
    load().catch((error) => setProblem(explain(error)));
  }, [id]);
  if (problem) return <p role="alert">{problem}</p>;
  if (!video || !links) return null;
  return (
    <article>
      <Player links={links} title={video.title} started={() => void count(id)} />
      <h1>{video.title}</h1>
      {video.status === "unplayable" && <p>{text("unplayable")}</p>}
      <p class="description">{video.description}</p>
      <small>
        {video.views} {text("views")}
      </small>
    </article>
  );
}

/** The addresses of a video that everybody may see. */
function open(video: Video): Links {
  const address = `/v1/videos/${encodeURIComponent(video.id)}`;
  const isPackaged = ["mp4", "mov"].includes(video.media?.container ?? "");
  return {
    expires_at: "",
    content_url: `${address}/content`,
    hls_url: isPackaged ? `${address}/master.m3u8` : null,
    dash_url: null,
    poster_url: null,
    captions: [],
  };
}

/** Tells that it plays; that somebody watches is no reason to fail. */
async function count(id: string): Promise<void> {
  await call(`/v1/videos/${encodeURIComponent(id)}/views`, { method: "POST" }).catch(() => undefined);
}

/** The browser's own player, with hls.js where it has no HLS and the film is packaged. */
function Player({ links, title, started }: { links: Links; title: string; started: () => void }) {
  const element = useRef<HTMLVideoElement>(null);
  const hasStarted = useRef(false);
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    const { hls_url: hls, content_url: content } = links;
    if (!hls || video.canPlayType("application/vnd.apple.mpegurl")) {
      video.src = hls ?? content;
      return;
    }
    let stop = () => {};
    let isGone = false;
    void import("hls.js").then(({ default: Hls }) => {
      if (isGone) return;
      if (!Hls.isSupported()) {
        video.src = content;
        return;
      }
      const player = new Hls();
      stop = () => player.destroy();
      // What cannot be packaged may play as it is.
      player.on(Hls.Events.ERROR, (_, data) => {
        if (!data.fatal) return;
        player.destroy();
        video.src = content;
      });
      player.loadSource(hls);
      player.attachMedia(video);
    });
    return () => {
      isGone = true;
      stop();
    };
  }, [links]);
  const playing = () => {
    if (!hasStarted.current) started();
    hasStarted.current = true;
  };
  return (
    <video ref={element} controls playsInline poster={links.poster_url ?? undefined} aria-label={title} crossOrigin="anonymous" onPlaying={playing}>
      {links.captions.map(({ lang, url }) => (
        <track kind="captions" srcLang={lang} label={lang} src={url} key={lang} />
      ))}
    </video>
  );
}
