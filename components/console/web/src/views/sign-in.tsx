import { useState } from "preact/hooks";
import { Refusal, call } from "../api";
import { go } from "../main";
import { begin } from "../session";
import { reason, text } from "../texts";

/** Signing in, and signing up, which signs in. */
export function SignIn() {
  const [isNew, setNew] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [email, password, username] = ["email", "password", "username"].map((name) => form.get(name));
    setBusy(true);
    setProblem(null);
    try {
      if (isNew) await call("/v1/users", { method: "POST", body: { email, password, username } });
      begin(await call("/v1/sessions", { method: "POST", body: { email, password } }));
      go("/app/videos");
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };

  return (
    <form class="card" onSubmit={submit}>
      <h1>{text(isNew ? "signUp" : "signIn")}</h1>
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
      {problem && <p role="alert">{problem}</p>}
      <button disabled={isBusy}>{text(isNew ? "signUp" : "signIn")}</button>
      <button type="button" class="plain" onClick={() => setNew(!isNew)}>
        {text(isNew ? "haveAccount" : "needAccount")}
      </button>
    </form>
  );
}

/** A failure in words: those of the fields where there are any. */
export function explain(error: unknown): string {
  if (!(error instanceof Refusal)) return reason("network");
  const fields = error.fields.map(({ field, detail }) => `${field} ${detail}`);
  return fields.length ? fields.join(". ") : reason(error.code);
}
