import { useEffect, useRef, useState } from "preact/hooks";
import { type Page, call, explain } from "../api";

/** A list, a page at a time; it begins anew when `path` or `round` changes. */
export function useList<T>(path: string, round = 0) {
  const [items, setItems] = useState<T[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  // Answers that come after others were asked for count no more.
  const asked = useRef(0);

  const load = async (after: string | null) => {
    asked.current += 1;
    const mine = asked.current;
    const more = after ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(after)}` : "";
    try {
      const page = await call<Page<T>>(path + more);
      if (mine !== asked.current) return;
      setItems((known) => (after ? [...(known ?? []), ...page.items] : page.items));
      setCursor(page.next_cursor ?? null);
      setProblem(null);
    } catch (error) {
      if (mine === asked.current) setProblem(explain(error));
    }
  };
  useEffect(() => {
    void load(null);
  }, [path, round]);
  return { items, problem, more: cursor ? () => void load(cursor) : null };
}

/** One thing that is asked for; anew when `path` or `round` changes. */
export function useOne<T>(path: string, round = 0): { value: T | null; problem: string | null } {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let isGone = false;
    call<T>(path).then(
      (value) => {
        if (isGone) return;
        setValue(value);
        setProblem(null);
      },
      (error) => isGone || setProblem(explain(error)),
    );
    return () => {
      isGone = true;
    };
  }, [path, round]);
  return { value, problem };
}
