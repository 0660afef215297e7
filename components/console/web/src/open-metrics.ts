// OpenMetrics text (OpenMetrics 1.0, section 4), as far as samples go.

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A sample's line: its name, its labels in braces, its value. */
const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
/** One label; its value has `\\`, `\"` and `\n` escaped. */
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/y;

export function samples(text: string): Sample[] {
  const found: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] = LINE.exec(line) ?? [];
    if (name && value) found.push({ name, labels: labelsOf(labels), value: Number(value) });
  }
  return found;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let found = LABEL.exec(text); found; found = LABEL.exec(text)) {
    labels[found[1] ?? ""] = (found[2] ?? "").replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
  }
  return labels;
}

/** The sums of a family by what `key` makes of its labels, the greatest first. */
export function sums(all: Sample[], name: string, key: (labels: Record<string, string>) => string): [string, number][] {
  const sums = new Map<string, number>();
  for (const { labels, value } of all.filter((sample) => sample.name === name)) {
    sums.set(key(labels), (sums.get(key(labels)) ?? 0) + value);
  }
  return [...sums].sort(([, one], [, other]) => other - one);
}
