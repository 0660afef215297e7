import { bytes, count, text } from "../texts";

/** The chart's own units. */
const HEIGHT = 100;
const STEP = 12;

export interface Day {
  date: string;
  up: number;
  down: number;
}

/** What was moved day by day, the oldest first: bytes in below, bytes out on top of them. */
export function DayChart({ days, name }: { days: Day[]; name: string }) {
  const most = Math.max(1, ...days.map(({ up, down }) => up + down));
  const height = (amount: number) => (amount / most) * HEIGHT;
  const total = days.reduce((sum, { up, down }) => sum + up + down, 0);
  return (
    <figure>
      <figcaption>
        {name}: {bytes(total)} <span class="key up">{text("uploaded")}</span> <span class="key down">{text("downloaded")}</span>
      </figcaption>
      <svg viewBox={`0 0 ${days.length * STEP} ${HEIGHT + 1}`} role="img" aria-label={`${name}: ${bytes(total)}`} preserveAspectRatio="none">
        {days.map(({ date, up, down }, place) => (
          <g key={date}>
            <title>{`${date}: ${bytes(up)} ${text("uploaded")}, ${bytes(down)} ${text("downloaded")}`}</title>
            <rect class="ground" x={place * STEP} y={0} width={STEP - 2} height={HEIGHT + 1} />
            <rect class="up" x={place * STEP} y={HEIGHT - height(up)} width={STEP - 2} height={height(up)} />
            <rect class="down" x={place * STEP} y={HEIGHT - height(up + down)} width={STEP - 2} height={height(down)} />
          </g>
        ))}
      </svg>
    </figure>
  );
}

/** Named amounts, each with a bar beside its number. */
export function Bars({ rows, name }: { rows: [string, number][]; name: string }) {
  const most = Math.max(1, ...rows.map(([, amount]) => amount));
  return (
    <section>
      <h2>{name}</h2>
      {rows.length === 0 && <p>{text("nothingHere")}</p>}
      <dl class="bars">
        {rows.map(([label, amount]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              {count(amount)}
              <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect class="up" width={(amount / most) * 100} height={6} />
              </svg>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
