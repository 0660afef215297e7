import { useEffect, useState } from "preact/hooks";
import type { LogEntry } from "../api";
import { fields } from "../parts/act";
import { Heading } from "../parts/heading";
import { useList } from "../parts/list";
import { follow } from "../tail";
import { text } from "../texts";

const LEVELS = ["debug", "info", "warn", "error"];
const SERVICES = ["user-service", "video-service", "storage-service", "usage-service", "logging-service"];
/** How many entries a live log shows. */
const MOST = 200;

/** The log of all services, and as it grows. */
export function Log() {
  const [filter, setFilter] = useState("");
  const [isLive, setLive] = useState(false);
  const search = (event: SubmitEvent) => {
    const asked = [...fields(event)].filter(([, value]) => value);
    setFilter(new URLSearchParams(asked as [string, string][]).toString());
  };
  return (
    <>
      <Heading>{text("log")}</Heading>
      <form class="columns" onSubmit={search}>
        <Choice name="level" label={text("level")} values={LEVELS} />
        <Choice name="service" label={text("service")} values={SERVICES} />
        {(["action", "user_id", "request_id", "q"] as const).map((name) => (
          <label key={name}>
            {text(({ action: "action", user_id: "userId", request_id: "requestId", q: "search" } as const)[name])}
            <input name={name} maxLength={200} />
          </label>
        ))}
        <div>
          <button>{text("filter")}</button>
          <button type="button" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
            {text(isLive ? "stopTail" : "liveTail")}
          </button>
        </div>
      </form>
      {isLive ? <Tail filter={filter} key={filter} /> : <Pages filter={filter} />}
    </>
  );
}

function Choice({ name, label, values }: { name: string; label: string; values: string[] }) {
  return (
    <label>
      {label}
      <select name={name}>
        <option value="">{text("any")}</option>
        {values.map((value) => (
          <option key={value}>{value}</option>
        ))}
      </select>
    </label>
  );
}

function Pages({ filter }: { filter: string }) {
  const { items, problem, more } = useList<LogEntry>(`/v1/logs?${filter}`);
  return (
    <>
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && !more && <p class="empty">{text("nothingFound")}</p>}
      {items && <Entries entries={items} />}
      {more && <button onClick={more}>{text("more")}</button>}
    </>
  );
}

/** What arrives while it is looked at, the newest first. */
function Tail({ filter }: { filter: string }) {
  const [entries, setEntries] = useState<LogEntry[]>([]);
  const [isThere, setThere] = useState(true);
  useEffect(() => {
    const stop = new AbortController();
    const arrived = (entry: LogEntry) => setEntries((known) => [entry, ...known].slice(0, MOST));
    void follow(filter, { arrived, connected: setThere }, stop.signal);
    return () => stop.abort();
  }, [filter]);
  return (
    <>
      <p role="status">{text(isThere ? "tailRuns" : "tailBroke")}</p>
      <Entries entries={entries} />
    </>
  );
}

function Entries({ entries }: { entries: LogEntry[] }) {
  return (
    <ul class="log">
      {entries.map((entry, place) => (
        <li class={`level-${entry.level}`} key={`${entry.at}${entry.action}${entry.request_id}${place}`}>
          <details>
            <summary>
              <small>
                <time>{entry.at}</time> {entry.level} {entry.service} {entry.action}
              </small>
              <br />
              {entry.message}
            </summary>
            <pre>{JSON.stringify({ user_id: entry.user_id, request_id: entry.request_id, ...entry.fields }, null, 2)}</pre>
          </details>
        </li>
      ))}
    </ul>
  );
}
