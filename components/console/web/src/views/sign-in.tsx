import { useState } from "preact/hooks";
import { call } from "../api";
import { fields, useAct } from "../parts/act";
import { Heading } from "../parts/heading";
import { go } from "../parts/link";
import { begin, wasEnded } from "../session";
import { text } from "../texts";

/** Signing in, and signing up, which signs in. */
export function SignIn() {
  const [isNew, setNew] = useState(false);
  const { act, isBusy, outcome } = useAct();
  const submit = (event: SubmitEvent) => {
    const form = fields(event);
    const [email, password, username] = ["email", "password", "username"].map((name) => form.get(name));
    return act(async () => {
      if (isNew) await call("/v1/users", { method: "POST", body: { email, password, username } });
      begin(await call("/v1/sessions", { method: "POST", body: { email, password } }));
      // Whoever was somewhere when the session ended is there again.
      if (location.pathname === "/app/sign-in") go("/app/videos");
    });
  };
  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <Heading>{text(isNew ? "signUp" : "signIn")}</Heading>
      {wasEnded() && <p role="status">{text("signedOut")}</p>}
      <label>
        {text("email")}
        <input name="email" type="email" required autocomplete="username" />
      </label>
      {isNew && (
        <label>
          {text("username")}
          <input name="username" required pattern="[a-z0-9_\-]{3,32}" title={text("usernameRule")} autocomplete="nickname" />
          <small>{text("usernameRule")}</small>
        </label>
      )}
      <label>
        {text("password")}
        <input
          name="password"
          type="password"
          required
          minLength={8}
          autocomplete={isNew ? "new-password" : "current-password"}
        />
        {isNew && <small>{text("passwordRule")}</small>}
      </label>
      {outcome}
      <button disabled={isBusy}>{text(isNew ? "signUp" : "signIn")}</button>
      <button type="button" class="plain" onClick={() => setNew(!isNew)}>
        {text(isNew ? "haveAccount" : "needAccount")}
      </button>
    </form>
  );
}
