import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call } from "./api";
import { end, isSignedIn, onSession } from "./session";
import { text } from "./texts";
import { Feed } from "./views/feed";
import { SignIn } from "./views/sign-in";
import { Videos } from "./views/videos";
import { Watch } from "./views/watch";

/** Goes to another page without loading this one anew. */
export function go(path: string): void {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** A link within the page. */
export function Link({ to, children }: { to: string; children: preact.ComponentChildren }) {
  const isHere = location.pathname === to;
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} aria-current={isHere ? "page" : undefined}>
      {children}
    </a>
  );
}

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
      <header>
        <nav aria-label="Spinreel">
          <strong>Spinreel</strong>
          <Link to="/">{text("feed")}</Link>
          {isIn && <Link to="/app/videos">{text("videos")}</Link>}
          {isIn && <Link to="/app/trash">{text("trash")}</Link>}
          {isIn ? (
            <button onClick={() => void signOut()}>{text("signOut")}</button>
          ) : (
            <Link to="/app/sign-in">{text("signIn")}</Link>
          )}
        </nav>
      </header>
      <main>
        <View path={path} isIn={isIn} />
      </main>
    </>
  );
}

function View({ path, isIn }: { path: string; isIn: boolean }) {
  const watched = /^\/app\/watch\/([^/]+)$/.exec(path)?.[1];
  if (path === "/") return <Feed />;
  if (watched) return <Watch id={decodeURIComponent(watched)} key={watched} />;
  if (path === "/app/sign-in" || !isIn) return <SignIn />;
  if (path === "/app/videos") return <Videos isTrash={false} key="videos" />;
  if (path === "/app/trash") return <Videos isTrash={true} key="trash" />;
  return <p>{text("notFound")}</p>;
}

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
