// Players in a browser: each plays a film from its beginning, seeks to ten places, and reaches its end, without an error.
//
//     check.mjs FILE
//
// FILE is JSON: [{player: "video"|"hls.js"|"shaka"|"dash.js", url, seconds}]. Prints a line for each; the exit code is 1 where one
// fails. The page has another origin than the application, as a page with a player has.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

// The libraries lie elsewhere than this file: BROWSER_MODULES names the folder that they are installed in.
const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const { chromium } = require("playwright-core");

const folder = `${process.env.BROWSER_MODULES}/node_modules`;
const scripts = {
  "/hls.js": `${folder}/hls.js/dist/hls.min.js`,
  "/shaka.js": `${folder}/shaka-player/dist/shaka-player.compiled.js`,
  "/dash.js": `${folder}/dashjs/dist/modern/umd/dash.all.min.js`,
};
const page = `<!doctype html><title>player</title><video muted playsinline></video>
<script src="/hls.js"></script><script src="/shaka.js"></script><script src="/dash.js"></script>`;
const server = createServer((request, response) => {
  const script = scripts[request.url];
  response.setHeader("content-type", script ? "text/javascript" : "text/html");
  response.end(script ? readFileSync(script) : page);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const address = `http://127.0.0.1:${server.address().port}/`;

// Runs in the page. Everything that is waited for is a fact; the browser's patience is the test's.
async function play({ player, url, seconds }) {
  const video = document.querySelector("video");
  const errors = [];
  const note = (what) => errors.push(`${player}: ${what}`);
  const failed = new Promise((_, fail) => {
    setInterval(() => errors.length && fail(new Error(errors.join("; "))), 50);
  });
  const until = (event) => new Promise((done) => video.addEventListener(event, done, { once: true }));
  const reach = (promise) => Promise.race([promise, failed]);
  video.addEventListener("error", () => note(`error ${video.error?.code} ${video.error?.message}`));
  if (player === "video") {
    video.src = url;
  } else if (player === "hls.js") {
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => {
      // A seek breaks off what is being loaded for the old place: the player's own doing.
      if (data.details === Hls.ErrorDetails.INTERNAL_ABORTED) return;
      note(`${data.type} ${data.details} ${data.error?.message ?? ""}`);
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  } else if (player === "shaka") {
    shaka.polyfill.installAll();
    const instance = new shaka.Player();
    await instance.attach(video);
    instance.addEventListener("error", (event) => note(`shaka error ${event.detail.code}`));
    await instance.load(url);
  } else {
    const instance = dashjs.MediaPlayer().create();
    instance.on("error", (event) => note(JSON.stringify(event.error)));
    instance.initialize(video, url, false);
  }
  if (video.readyState < 1) {
    await reach(until("loadedmetadata"));
  }
  const moving = until("timeupdate");
  await video.play();
  await reach(moving);
  const size = `${video.videoWidth}x${video.videoHeight}`;
  const length = video.duration;
  for (let place = 0; place < 10; place += 1) {
    // There and back, so that what was loaded before does not do.
    const time = (length * ((place * 7) % 10)) / 10 + length / 40;
    const sought = until("seeked");
    video.currentTime = time;
    await reach(sought);
    if (Math.abs(video.currentTime - time) > 1) {
      throw new Error(`${player}: sought ${time}, and is at ${video.currentTime}`);
    }
    if (video.readyState < 3) {
      await reach(until("canplay"));
    }
  }
  // dash.js sets the duration once more when it has all segments; where that comes just then, the browser stops at the end
  // and has no event for it.
  const stopped = new Promise((done) => {
    video.addEventListener("pause", () => video.currentTime >= video.duration && done());
  });
  const ended = Promise.race([until("ended"), stopped]);
  video.currentTime = Math.max(0, length - 1);
  await video.play();
  await reach(ended);
  if (Math.abs(length - seconds) > 0.5) {
    throw new Error(`${player}: ${length} seconds instead of ${seconds}`);
  }
  return `${player}: ${size}, ${length.toFixed(2)} s`;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
});
try {
  for (const film of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
    const tab = await browser.newPage();
    const requests = [];
    tab.on("requestfailed", (request) => {
      // A player that seeks gives up what it had asked for.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") {
        requests.push(`${request.url()} ${request.failure()?.errorText}`);
      }
    });
    tab.on("response", (response) => {
      if (response.status() >= 400 && !response.url().endsWith("/favicon.ico")) {
        requests.push(`${response.url()} ${response.status()}`);
      }
    });
    tab.setDefaultTimeout(120_000);
    await tab.goto(address);
    let patience;
    const played = await Promise.race([
      tab.evaluate(play, film),
      new Promise((_, fail) => {
        patience = setTimeout(() => fail(new Error(`${film.player} stands still`)), 120_000);
      }),
    ]).catch(async (error) => {
      const state = await tab.evaluate(() => {
        const { currentTime, duration, readyState, paused, seeking, ended, buffered } = document.querySelector("video");
        const ranges = Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
        return JSON.stringify({ currentTime, duration, readyState, paused, seeking, ended, ranges });
      });
      throw new Error(`${error.message}\n${state}\n${requests.join("\n")}`);
    });
    clearTimeout(patience);
    if (requests.length) {
      throw new Error(`${film.player}:\n${requests.join("\n")}`);
    }
    console.log(played);
    await tab.close();
  }
} finally {
  await browser.close();
  server.close();
}
