import { useState } from "preact/hooks";
import { type Answer, type DayUsage, type Managed, call } from "../api";
import { fields, useAct } from "../parts/act";
import { Heading } from "../parts/heading";
import { useList } from "../parts/list";
import { bytes, moment, text, word } from "../texts";

/** Everybody who has an account, for admins. */
export function Users() {
  const { items, problem, more } = useList<Managed>("/v1/users");
  return (
    <>
      <Heading>{text("users")}</Heading>
      {problem && <p role="alert">{problem}</p>}
      <ul>
        {items?.map((user) => (
          <One user={user} key={user.id} />
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
    </>
  );
}

function One({ user }: { user: Managed }) {
  const { act, isBusy, outcome } = useAct();
  const [day, setDay] = useState<DayUsage | null>(null);
  const [token, setToken] = useState<string | null>(null);
  const address = `/v1/users/${user.id}`;
  const limit = (form: FormData, name: string) => (form.get(name) ? Number(form.get(name)) : null);
  const save = (event: SubmitEvent) => {
    const form = fields(event);
    const body = {
      role: form.get("role"),
      disabled: form.get("disabled") === "on",
      storage_limit: limit(form, "storage"),
      bandwidth_limit: limit(form, "bandwidth"),
    };
    return act(() => call(address, { method: "PATCH", body }), text("saved"));
  };
  const ask = () => act(async () => setDay(await call<DayUsage>(`/v1/usage/users/${user.id}/today`)));
  const reset = () =>
    act(async () => {
      const made = await call<Answer<"createPasswordReset", 201>>(`${address}/password-reset`, { method: "POST" });
      setToken(made.token);
    });
  return (
    <li class="card">
      <h2>{user.username}</h2>
      <p>
        {user.email} · {text("since")} {moment(user.created_at)}
      </p>
      <form class="columns" onSubmit={(event) => void save(event)}>
        <label>
          {text("role")}
          <select name="role">
            {(["user", "admin"] as const).map((role) => (
              <option value={role} selected={role === user.role} key={role}>
                {word("role", role)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {text("storageLimit")}
          <input name="storage" type="number" min={0} defaultValue={user.storage_limit?.toString() ?? ""} />
        </label>
        <label>
          {text("bandwidthLimit")}
          <input name="bandwidth" type="number" min={0} defaultValue={user.bandwidth_limit?.toString() ?? ""} />
        </label>
        <label class="check">
          <input name="disabled" type="checkbox" defaultChecked={user.disabled} /> {text("disabled")}
        </label>
        <div>
          <button disabled={isBusy}>{text("save")}</button>
          <button type="button" disabled={isBusy} onClick={() => void ask()}>
            {text("usedToday")}
          </button>
          <button type="button" disabled={isBusy} onClick={() => void reset()}>
            {text("resetToken")}
          </button>
        </div>
      </form>
      {day && (
        <p>
          {text("usedToday")}: {bytes(day.total_bytes)} {text("of")} {bytes(day.limit_bytes)}
        </p>
      )}
      {token && <code>{token}</code>}
      {outcome}
    </li>
  );
}
