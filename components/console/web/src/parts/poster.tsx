import { useEffect, useRef, useState } from "preact/hooks";
import { type Video, send } from "../api";
import { duration, word } from "../texts";

/** The poster with the film's length; a private one is got with the token when it comes into sight. */
export function Poster({ video }: { video: Video }) {
  const { poster } = video.links;
  const length = video.media ? duration(video.media.duration_ms) : word("status", video.status);
  return (
    <span class="poster" aria-hidden="true">
      {poster && (video.visibility === "private" ? <Private address={poster} key={video.updated_at} /> : <Picture address={poster} />)}
      <span>{length}</span>
    </span>
  );
}

function Picture({ address }: { address: string }) {
  return <img src={address} alt="" loading="lazy" />;
}

function Private({ address }: { address: string }) {
  const element = useRef<HTMLSpanElement>(null);
  const [picture, setPicture] = useState<string | null>(null);
  useEffect(() => {
    let made: string | null = null;
    let isGone = false;
    const load = async () => {
      const bytes = await (await send(address)).blob();
      if (isGone) return;
      made = URL.createObjectURL(bytes);
      setPicture(made);
    };
    const watcher = new IntersectionObserver(([seen]) => {
      if (!seen?.isIntersecting) return;
      watcher.disconnect();
      // Without it the film's length is shown alone.
      load().catch(() => undefined);
    });
    if (element.current) watcher.observe(element.current);
    return () => {
      isGone = true;
      watcher.disconnect();
      if (made) URL.revokeObjectURL(made);
    };
  }, [address]);
  return <span ref={element}>{picture && <img src={picture} alt="" />}</span>;
}
