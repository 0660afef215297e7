import { type Action, type Alert, type DayUsage, type Page } from "../api";
import { DayChart } from "../parts/charts";
import { Gauges } from "../parts/gauges";
import { Heading } from "../parts/heading";
import { useList, useOne } from "../parts/list";
import { bytes, moment, text, word } from "../texts";

/** What was stored and moved, and what was told of it. */
export function Usage() {
  const { value: daily, problem } = useOne<Page<DayUsage>>("/v1/usage/daily?days=30");
  const days = daily?.items.map(({ date, upload_bytes, download_bytes }) => ({ date, up: upload_bytes, down: download_bytes }));
  return (
    <>
      <Heading>{text("usage")}</Heading>
      <Gauges round={0} />
      {problem && <p role="alert">{problem}</p>}
      {days && <DayChart days={days.reverse()} name={text("lastDays")} />}
      <Alerts />
      <Actions />
    </>
  );
}

function Alerts() {
  const { items, problem, more } = useList<Alert>("/v1/usage/alerts");
  return (
    <section>
      <h2>{text("alerts")}</h2>
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && <p>{text("noAlerts")}</p>}
      <ul>
        {items?.map((alert) => (
          <li key={alert.id}>
            {moment(alert.at)}: {word("alert", alert.kind)}, {alert.threshold_percent} % {text("alertText")} ({bytes(alert.used_bytes)}{" "}
            {text("of")} {bytes(alert.limit_bytes)})
          </li>
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
    </section>
  );
}

function Actions() {
  const { items, problem, more } = useList<Action>("/v1/usage/actions");
  return (
    <section>
      <h2>{text("actions")}</h2>
      {problem && <p role="alert">{problem}</p>}
      {items?.length === 0 && !more && <p>{text("noActions")}</p>}
      {items && items.length > 0 && (
        <div class="wide" tabIndex={0} role="region" aria-label={text("actions")}>
          <table>
            <thead>
              <tr>
                <th scope="col">{text("when")}</th>
                <th scope="col">{text("what")}</th>
                <th scope="col">{text("size")}</th>
              </tr>
            </thead>
            <tbody>
              {items.map((action, place) => (
                <tr key={place}>
                  <td>{moment(action.at)}</td>
                  <td>{word("action", action.action)}</td>
                  <td>{bytes(action.bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more && <button onClick={more}>{text("more")}</button>}
    </section>
  );
}
