import type { Ref } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Links, type Video, call } from "../api";
import { isSignedIn } from "../session";
import { text } from "../texts";

/** Containers that are packaged as HLS, where their codecs can be. */
const PACKAGED = ["mp4", "mov", "webm"];

/** Addresses that play a video without a header: links for who is signed in, else those that everybody may have. */
export async function linksOf(video: Video): Promise<Links> {
  if (isSignedIn()) return call<Links>(`${video.links.self}/playback`, { method: "POST", body: {} });
  const { self, content, poster = null } = video.links;
  const isPackaged = PACKAGED.includes(video.media?.container ?? "");
  return {
    expires_at: "",
    content_url: content,
    hls_url: isPackaged ? `${self}/master.m3u8` : null,
    dash_url: null,
    poster_url: poster ?? null,
    captions: [],
  };
}

interface Wish {
  links: Links;
  title: string;
  started?: () => void;
  element?: Ref<HTMLVideoElement>;
}

/** The browser's own player, with hls.js where it has no HLS and the film is packaged. */
export function Player({ links, title, started, element }: Wish) {
  const own = useRef<HTMLVideoElement | null>(null);
  const hasStarted = useRef(false);
  const [hasFailed, setFailed] = useState(false);
  // Another round plays on where the last one stopped.
  const [round, setRound] = useState(0);
  const again = () => {
    setFailed(false);
    setRound((known) => known + 1);
  };
  useEffect(() => {
    const video = own.current;
    return video ? attach(video, links, () => setFailed(true)) : undefined;
  }, [links, round]);
  useEffect(() => {
    if (!hasFailed) return;
    addEventListener("online", again, { once: true });
    return () => removeEventListener("online", again);
  }, [hasFailed]);
  const playing = () => {
    if (!hasStarted.current) started?.();
    hasStarted.current = true;
    setFailed(false);
  };
  const keep = (video: HTMLVideoElement | null) => {
    own.current = video;
    if (typeof element === "function") element(video);
    else if (element) element.current = video;
  };
  return (
    <>
      <video
        ref={keep}
        controls
        playsInline
        poster={links.poster_url ?? undefined}
        aria-label={title}
        crossOrigin="anonymous"
        onPlaying={playing}
        onError={() => setFailed(true)}
      >
        {links.captions.map(({ lang, url }) => (
          <track kind="captions" srcLang={lang} label={lang} src={url} key={lang} />
        ))}
      </video>
      {hasFailed && (
        <p role="alert">
          {text("playFailed")} <button onClick={again}>{text("playAgain")}</button>
        </p>
      )}
    </>
  );
}

/** Lets an element play; gives what ends it. */
function attach(video: HTMLVideoElement, links: Links, failed: () => void): () => void {
  const { hls_url: hls, content_url: content } = links;
  // Where it stopped it goes on, and plays if it played.
  const at = video.currentTime;
  const isPlaying = at > 0 && !video.paused;
  const goOn = () => void (isPlaying && video.play().catch(() => undefined));
  const plain = (address: string) => {
    video.src = address;
    if (at) video.currentTime = at;
    goOn();
  };
  if (!hls || video.canPlayType("application/vnd.apple.mpegurl")) {
    // The same where the browser has HLS and finds none.
    const asItIs = () => hls && video.readyState === HTMLMediaElement.HAVE_NOTHING && plain(content);
    video.addEventListener("error", asItIs, { once: true });
    plain(hls ?? content);
    return () => video.removeEventListener("error", asItIs);
  }
  let isGone = false;
  let stop = () => {};
  import("hls.js").then(({ default: Hls }) => {
    if (isGone) return;
    if (!Hls.isSupported()) return plain(content);
    const player = new Hls({ startPosition: at || -1 });
    stop = () => player.destroy();
    player.on(Hls.Events.ERROR, (_, { fatal, type, response }) => {
      if (!fatal) return;
      // A network that is gone is no reason to ask for the whole film. What cannot be packaged may play as it is.
      if (type === Hls.ErrorTypes.NETWORK_ERROR && response?.code !== 404) return failed();
      player.destroy();
      plain(content);
    });
    player.loadSource(hls);
    player.attachMedia(video);
    goOn();
  }, failed);
  return () => {
    isGone = true;
    stop();
  };
}
