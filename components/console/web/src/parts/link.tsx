import type { ComponentChildren } from "preact";

/** Goes to another page without loading this one anew. */
export function go(path: string): void {
  history.pushState(null, "", path);
  scrollTo(0, 0);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** A link within the page. */
export function Link({ to, children }: { to: string; children: ComponentChildren }) {
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
