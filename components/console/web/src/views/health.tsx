import { useEffect, useState } from "preact/hooks";
import { type Health, explain } from "../api";
import { Heading } from "../parts/heading";
import { text, word } from "../texts";

/** Whether every part works. */
export function HealthView() {
  const [health, setHealth] = useState<Health | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const ask = async () => {
    // An installation that is down says so with 503 and the same members.
    const response = await fetch("/v1/health");
    setHealth((await response.json()) as Health);
    setProblem(null);
  };
  const refresh = () => void ask().catch((error) => setProblem(explain(error)));
  useEffect(refresh, []);
  const rows: [string, string][] = health
    ? [...Object.entries(health.services), [text("store"), health.store], [text("bucket"), health.bucket]]
    : [];
  return (
    <>
      <Heading>{text("health")}</Heading>
      <button onClick={refresh}>{text("refresh")}</button>
      {problem && <p role="alert">{problem}</p>}
      <dl class="bars">
        {rows.map(([name, state]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={`state-${state}`}>{word("state", state)}</dd>
          </div>
        ))}
      </dl>
      {health && (
        <p>
          {text("version")} {health.version}
        </p>
      )}
    </>
  );
}
