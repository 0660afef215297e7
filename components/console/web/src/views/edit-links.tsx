import { useState } from "preact/hooks";
import { type Links, type Video, call } from "../api";
import { useAct } from "../parts/act";
import { Copy } from "../parts/copy";
import { text } from "../texts";

const KINDS = ["content_url", "hls_url", "dash_url", "poster_url"] as const;

/** Links that play a video without an account. */
export function LinksOf({ video }: { video: Video }) {
  const [links, setLinks] = useState<Links | null>(null);
  const { act, isBusy, outcome } = useAct();
  const address = `${video.links.self}/playback`;
  const make = () => act(async () => setLinks(await call<Links>(address, { method: "POST", body: {} })));
  const end = () =>
    act(async () => {
      await call(address, { method: "DELETE" });
      setLinks(null);
    }, text("linksEnded"));
  return (
    <section class="card">
      <h2>{text("links")}</h2>
      <p>{text("linksRule")}</p>
      {links && (
        <p>
          {KINDS.map((kind) => links[kind] && <Copy address={links[kind]} name={text(`link.${kind}`)} key={kind} />)}
        </p>
      )}
      {outcome}
      <button disabled={isBusy} onClick={() => void make()}>
        {text("makeLinks")}
      </button>
      <button disabled={isBusy} onClick={() => void end()}>
        {text("endLinks")}
      </button>
    </section>
  );
}
