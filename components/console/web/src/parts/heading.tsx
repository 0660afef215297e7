import { useEffect, useRef } from "preact/hooks";

/** The heading of a view, which the window is named after. It gets the focus, so that a screen reader tells where somebody is. */
export function Heading({ children }: { children: string }) {
  const element = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${children} · Spinreel`;
  }, [children]);
  useEffect(() => {
    if (isLaterView) element.current?.focus();
    isLaterView = true;
  }, []);
  return (
    <h1 ref={element} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** The first view is where the browser's focus is anyway. */
let isLaterView = false;
