// tus-js-client uploads to a running application.
//
//     check.mjs ORIGIN TOKEN FILE begin|resume|whole|small|overridden|parallel|draft [URL]
//
// begin: stops after the first pieces of 64 KiB and prints the upload's URL; resume: sends the rest of the upload at URL, in
// another process; whole: sends all of it with one request; small: in pieces of 64 KiB; overridden: by POST alone; parallel: as four
// parts at once, in pieces of 64 KiB; draft: by the IETF's draft, interop version 6, in pieces of 64 KiB. The exit code
// is 1 where something fails. A length that is told late is not tried: version 4.3 announces a whole piece for the last one of a file.

import { createRequire } from "node:module";
import { createReadStream, statSync } from "node:fs";

// The library lies elsewhere than this file: TUS_MODULES names the folder that it is installed in.
const require = createRequire(`${process.env.TUS_MODULES}/`);
const { Upload } = require("tus-js-client");

const [origin, token, path, what, url] = process.argv.slice(2);
const size = statSync(path).size;
const small = { chunkSize: 64 * 1024 };
const choices = {
  begin: { ...small },
  resume: { ...small, uploadUrl: url },
  whole: {},
  small: { ...small },
  overridden: { chunkSize: 256 * 1024, overridePatchMethod: true },
  parallel: { ...small, parallelUploads: 4, uploadSize: null },
  draft: { ...small, protocol: "ietf-draft-05" },
};
const chosen = choices[what];
if (!chosen) {
  throw new Error(`no such thing: ${what}`);
}
const name = what === "begin" ? "resumed-js.mp4" : `${what}-js.mp4`;
await new Promise((done, fail) => {
  let resumedAt = null;
  const upload = new Upload(createReadStream(path), {
    endpoint: `${origin}/v1/uploads`,
    headers: { Authorization: `Bearer ${token}` },
    metadata: { filename: name, filetype: "video/mp4" },
    uploadSize: size,
    retryDelays: [0, 100, 500],
    ...chosen,
    onError: fail,
    onProgress(sent) {
      resumedAt ??= sent;
    },
    async onChunkComplete(_, accepted) {
      if (what === "begin" && accepted >= 4 * 64 * 1024) {
        await upload.abort();
        console.log(upload.url);
        done();
      }
    },
    onSuccess() {
      if (what === "resume" && resumedAt < 4 * 64 * 1024) {
        fail(new Error(`it began at ${resumedAt}`));
      }
      console.log(size);
      done();
    },
  });
  upload.start();
});
