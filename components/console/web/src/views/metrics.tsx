import { useEffect, useState } from "preact/hooks";
import { explain, send } from "../api";
import { type Sample, samples, sums } from "../open-metrics";
import { Bars } from "../parts/charts";
import { Heading } from "../parts/heading";
import { text } from "../texts";

/** How many rows a chart has. */
const MOST = 12;

/** What the services have to do, as charts of what Prometheus would read. */
export function Metrics() {
  const [all, setAll] = useState<Sample[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const load = async () => {
    const response = await send("/v1/metrics", { headers: { accept: "application/openmetrics-text" } });
    setAll(samples(await response.text()));
    setProblem(null);
  };
  const ask = () => void load().catch((error) => setProblem(explain(error)));
  useEffect(ask, []);
  const route = (labels: Record<string, string>) => labels.route ?? "";
  const chart = (name: string, rows: [string, number][]) => <Bars name={name} rows={rows.slice(0, MOST)} />;
  return (
    <>
      <Heading>{text("metrics")}</Heading>
      <button onClick={ask}>{text("refresh")}</button>
      {problem && <p role="alert">{problem}</p>}
      {all && (
        <div class="grid broad">
          {chart(text("requestsByRoute"), sums(all, "spinreel_http_requests_total", ({ method, route }) => `${method} ${route}`))}
          {chart(text("requestsByStatus"), sums(all, "spinreel_http_requests_total", ({ status }) => status ?? ""))}
          {chart(text("slowest"), means(all, route))}
          {chart(text("uploadsByOutcome"), sums(all, "spinreel_uploads_total", ({ outcome }) => outcome ?? ""))}
          {chart(text("entriesByLevel"), sums(all, "spinreel_log_entries_total", ({ level }) => level ?? ""))}
        </div>
      )}
    </>
  );
}

/** Mean times of routes in milliseconds, the slowest first. */
function means(all: Sample[], route: (labels: Record<string, string>) => string): [string, number][] {
  const family = "spinreel_http_request_duration_seconds";
  const counts = new Map(sums(all, `${family}_count`, route));
  const rows = sums(all, `${family}_sum`, route).map(([name, sum]): [string, number] => [name, (1_000 * sum) / (counts.get(name) || 1)]);
  return rows.sort(([, one], [, other]) => other - one);
}
