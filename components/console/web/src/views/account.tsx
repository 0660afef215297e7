import { useState } from "preact/hooks";
import { type Session, type User, call } from "../api";
import { fields, useAct } from "../parts/act";
import { Heading } from "../parts/heading";
import { go } from "../parts/link";
import { useList, useOne } from "../parts/list";
import { end } from "../session";
import { moment, text, word } from "../texts";

/** Who is signed in, where, and what can be changed of it. */
export function Account() {
  const { value: user, problem } = useOne<User>("/v1/users/me");
  const [round, setRound] = useState(0);
  return (
    <>
      <Heading>{text("account")}</Heading>
      {problem && <p role="alert">{problem}</p>}
      {user && (
        <p>
          <b>{user.username}</b> · {user.email} · {word("role", user.role)} · {text("since")} {moment(user.created_at)}
        </p>
      )}
      <Sessions round={round} />
      <Password changed={() => setRound((known) => known + 1)} />
      {user && <Deletion username={user.username} />}
    </>
  );
}

function Sessions({ round }: { round: number }) {
  const { items, problem, more } = useList<Session>("/v1/sessions", round);
  const { act, isBusy, outcome } = useAct();
  const leave = async () => {
    await call("/v1/sessions", { method: "DELETE" });
    end();
    go("/");
  };
  return (
    <section class="card">
      <h2>{text("sessions")}</h2>
      {problem && <p role="alert">{problem}</p>}
      <ul>
        {items?.map((session) => (
          <li key={session.id}>
            {session.user_agent ?? text("noAgent")}
            <br />
            <small>
              {text("since")} {moment(session.created_at)}, {text("lastUsed")} {moment(session.last_used_at)}
            </small>
          </li>
        ))}
      </ul>
      {more && <button onClick={more}>{text("more")}</button>}
      <button disabled={isBusy} onClick={() => void act(leave)}>
        {text("signOutEverywhere")}
      </button>
      {outcome}
    </section>
  );
}

function Password({ changed }: { changed: () => void }) {
  const { act, isBusy, outcome } = useAct();
  const submit = (event: SubmitEvent) => {
    const form = fields(event);
    const element = event.currentTarget as HTMLFormElement;
    const body = { current_password: form.get("current"), password: form.get("password") };
    return act(async () => {
      await call("/v1/users/me", { method: "PATCH", body });
      element.reset();
      changed();
    }, text("passwordChanged"));
  };
  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <h2>{text("changePassword")}</h2>
      <label>
        {text("currentPassword")}
        <input name="current" type="password" required autocomplete="current-password" />
      </label>
      <label>
        {text("newPassword")}
        <input name="password" type="password" required minLength={8} autocomplete="new-password" />
        <small>{text("passwordRule")}</small>
      </label>
      {outcome}
      <button disabled={isBusy}>{text("changePassword")}</button>
    </form>
  );
}

function Deletion({ username }: { username: string }) {
  const { act, isBusy, outcome } = useAct();
  const [typed, setTyped] = useState("");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    return act(async () => {
      await call("/v1/users/me", { method: "DELETE" });
      end();
      go("/");
    });
  };
  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <h2>{text("deleteAccount")}</h2>
      <p>{text("deleteAccountRule")}</p>
      <label>
        {text("username")}
        <input name="confirmation" required autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      {outcome}
      <button disabled={isBusy || typed !== username}>{text("deleteAccount")}</button>
    </form>
  );
}
