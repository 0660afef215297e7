import { useState } from "preact/hooks";
import { explain } from "../api";

/** What somebody does on the page: whether it goes on, and what came of it, in words. */
export function useAct() {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [notice, setNotice] = useState<string | null>(null);

  /** Does it; `said` is shown where it went well. */
  const act = async (work: () => Promise<unknown>, said?: string) => {
    setBusy(true);
    setProblem(null);
    setNotice(null);
    try {
      await work();
      setNotice(said ?? null);
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  };
  const outcome = (
    <>
      {problem && <p role="alert">{problem}</p>}
      <p role="status">{notice}</p>
    </>
  );
  return { act, isBusy, outcome };
}

/** What a form has in its fields, by their names. */
export function fields(event: SubmitEvent): FormData {
  event.preventDefault();
  return new FormData(event.currentTarget as HTMLFormElement);
}
