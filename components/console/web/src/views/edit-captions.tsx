import { useState } from "preact/hooks";
import { type Captions, type Video, call } from "../api";
import { fields, useAct } from "../parts/act";
import { useList } from "../parts/list";
import { bytes, text } from "../texts";

/** The captions of a video, a language each. */
export function CaptionsOf({ video }: { video: Video }) {
  const [round, setRound] = useState(0);
  const { act, isBusy, outcome } = useAct();
  const address = `${video.links.self}/captions`;
  const { items, problem } = useList<Captions>(address, round);
  const changed = () => setRound((known) => known + 1);
  const add = (event: SubmitEvent) => {
    const form = fields(event);
    const element = event.currentTarget as HTMLFormElement;
    return act(async () => {
      const body = new Blob([form.get("file") as File], { type: "text/vtt" });
      await call(`${address}/${encodeURIComponent(String(form.get("lang")))}`, { method: "PUT", body });
      element.reset();
      changed();
    }, text("saved"));
  };
  const remove = (lang: string) =>
    act(async () => {
      await call(`${address}/${encodeURIComponent(lang)}`, { method: "DELETE" });
      changed();
    });
  return (
    <section class="card">
      <h2>{text("captions")}</h2>
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && <p>{text("noCaptions")}</p>}
      <ul>
        {items?.map(({ lang, size }) => (
          <li key={lang}>
            {lang} ({bytes(size)}){" "}
            <button disabled={isBusy} onClick={() => void remove(lang)}>
              {text("remove")}
              <span class="hidden"> {lang}</span>
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={(event) => void add(event)}>
        <label>
          {text("language")}
          <input name="lang" required maxLength={64} />
        </label>
        <label>
          {text("captionsFile")}
          <input name="file" type="file" accept=".vtt,text/vtt" required />
        </label>
        {outcome}
        <button disabled={isBusy}>{text("add")}</button>
      </form>
    </section>
  );
}
