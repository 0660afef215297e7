import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call } from "./api";
import { Link, go } from "./parts/link";
import { end, isAdmin, isSignedIn, onSession } from "./session";
import { text } from "./texts";
import { Account } from "./views/account";
import { Feed } from "./views/feed";
import { HealthView } from "./views/health";
import { Log } from "./views/log";
import { Metrics } from "./views/metrics";
import { SignIn } from "./views/sign-in";
import { Trash } from "./views/trash";
import { Usage } from "./views/usage";
import { Users } from "./views/users";
import { Edit } from "./views/edit";
import { Videos } from "./views/videos";
import { Watch } from "./views/watch";

async function signOut(): Promise<void> {
  await call("/v1/sessions/current", { method: "DELETE" }).catch(() => undefined);
  end();
  go("/");
}

function App() {
  const [path, setPath] = useState(location.pathname);
  const [isIn, setIn] = useState(isSignedIn());
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    addEventListener("popstate", moved);
    const stop = onSession(() => setIn(isSignedIn()));
    return () => {
      removeEventListener("popstate", moved);
      stop();
    };
  }, []);
  return (
    <>
      <a class="skip" href="#content">
        {text("skip")}
      </a>
      <header>
        <nav aria-label="Spinreel">
          <strong>Spinreel</strong>
          <Link to="/">{text("feed")}</Link>
          {isIn && <Link to="/app/videos">{text("videos")}</Link>}
          {isIn && <Link to="/app/trash">{text("trash")}</Link>}
          {isIn && <Link to="/app/usage">{text("usage")}</Link>}
          {isIn && <Link to="/app/account">{text("account")}</Link>}
          {isIn && isAdmin() && <AdminLinks />}
          {isIn ? (
            <button onClick={() => void signOut()}>{text("signOut")}</button>
          ) : (
            <Link to="/app/sign-in">{text("signIn")}</Link>
          )}
        </nav>
      </header>
      <main id="content" tabIndex={-1}>
        <View path={path} isIn={isIn} />
      </main>
    </>
  );
}

function AdminLinks() {
  return (
    <>
      <Link to="/app/users">{text("users")}</Link>
      <Link to="/app/log">{text("log")}</Link>
      <Link to="/app/metrics">{text("metrics")}</Link>
      <Link to="/app/health">{text("health")}</Link>
    </>
  );
}

function View({ path, isIn }: { path: string; isIn: boolean }) {
  const [, page = "", id] = /^\/app\/([a-z-]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  const video = id && decodeURIComponent(id);
  if (path === "/") return <Feed />;
  if (page === "watch" && video) return <Watch id={video} key={video} />;
  if (page === "health") return <HealthView />;
  if (page === "sign-in" || !isIn) return <SignIn />;
  if (page === "videos") return video ? <Edit id={video} key={video} /> : <Videos />;
  if (page === "trash") return <Trash />;
  if (page === "usage") return <Usage />;
  if (page === "account") return <Account />;
  if (["users", "log", "metrics"].includes(page)) return isAdmin() ? <Admin page={page} /> : <p>{text("forAdmins")}</p>;
  return <p>{text("notFound")}</p>;
}

function Admin({ page }: { page: string }) {
  if (page === "users") return <Users />;
  return page === "log" ? <Log /> : <Metrics />;
}

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
