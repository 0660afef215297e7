// What the page says, in the reader's language.

import german from "./de.json";
import english from "./en.json";

export type Key = keyof typeof english;

/** The reader's language. */
const texts: Record<Key, string> = navigator.language.startsWith("de") ? (german satisfies Record<Key, string>) : english;
document.documentElement.lang = navigator.language.startsWith("de") ? "de" : "en";

export function text(key: Key): string {
  return texts[key];
}

/** The text of a word of the contract: a status, a role, an action. */
export function word(group: "status" | "role" | "action" | "alert" | "state" | "level", name: string): string {
  const key = `${group}.${name}`;
  return key in texts ? texts[key as Key] : name;
}

/** What a refusal's code means, in words. */
export function reason(code: string): string {
  const key = `error.${code}`;
  return key in texts ? texts[key as Key] : texts["error.unknown"];
}

/** Bytes as people read them. */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: units[power],
    unitDisplay: "short",
    maximumFractionDigits: 1,
  }).format(count / 1000 ** power);
}

/** A length as `1:05` or `1:02:03`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : String(part))).join(":");
}

/** A moment as people write it. */
export function moment(at: string): string {
  return new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

/** A count as people write it. */
export function count(number: number): string {
  return new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(number);
}
