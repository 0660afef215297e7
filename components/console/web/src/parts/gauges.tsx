import type { DayUsage, StorageStatus } from "../api";
import { bytes, text } from "../texts";
import { useOne } from "./list";

/** How much of the quota and of the day's bandwidth is used. */
export function Gauges({ round }: { round: number }) {
  const { value: storage } = useOne<StorageStatus>("/storage-status", round);
  const { value: day } = useOne<DayUsage>("/v1/usage/today", round);
  return (
    <div class="gauges">
      {storage && <Gauge name={text("storage")} used={storage.used_storage} limit={storage.total_storage} />}
      {day && <Gauge name={text("bandwidth")} used={day.total_bytes} limit={day.limit_bytes} />}
    </div>
  );
}

function Gauge({ name, used, limit }: { name: string; used: number; limit: number }) {
  return (
    <label>
      {name}: {bytes(used)} {text("of")} {bytes(limit)}
      <meter min={0} max={limit} high={limit * 0.8} optimum={0} value={used} />
    </label>
  );
}
