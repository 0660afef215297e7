import { useState } from "preact/hooks";
import { text } from "../texts";

/** A button that puts an address into the clipboard. */
export function Copy({ address, name }: { address: string; name?: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(new URL(address, location.href).href);
    setCopied(true);
  };
  return (
    <button type="button" onClick={() => void copy().catch(() => setCopied(false))}>
      {text(isCopied ? "copied" : "copyLink")}
      {name && `: ${name}`}
    </button>
  );
}
