// Bundles the page into the folder that is given: `index.html`, and `assets/` with names that change with what they hold.
//
//     build.mjs OUT MODULES
//
// MODULES is the folder that package-lock.json was installed in.

import { createRequire } from "node:module";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [out, modules] = process.argv.slice(2);
const { build } = createRequire(`${modules}/`)("esbuild");
const here = dirname(fileURLToPath(import.meta.url));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx", "src/style.css"],
  outdir: join(out, "assets"),
  nodePaths: [join(modules, "node_modules")],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  metafile: true,
  legalComments: "none",
});
const built = (entry) => {
  const [path] = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entry);
  return basename(path);
};
const page = readFileSync(join(here, "index.html"), "utf8")
  .replace("{script}", built("src/main.tsx"))
  .replace("{style}", built("src/style.css"));
writeFileSync(join(out, "index.html"), page);
