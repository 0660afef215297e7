// A poster, taken from a film by the browser.

/** How wide a poster is at most, in pixels. */
const WIDTH = 640;
/** How long a browser may take to show a picture of a file, in milliseconds; many files are no films that it knows. */
const PATIENCE = 15_000;

/** A picture of what a player shows, as JPEG; `null` where it shows none. */
export function pictureOf(video: HTMLVideoElement): Promise<Blob | null> {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width || !height) return Promise.resolve(null);
  const scale = Math.min(1, WIDTH / width);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.8));
}

/** A picture from near the beginning of a file; `null` where the browser cannot play it. */
export async function pictureIn(file: File): Promise<Blob | null> {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  video.muted = true;
  video.preload = "auto";
  const shown = new Promise<boolean>((done) => {
    setTimeout(() => done(false), PATIENCE);
    video.onerror = () => done(false);
    video.onloadedmetadata = () => {
      video.currentTime = Math.min(1, video.duration / 10 || 0);
    };
    video.onseeked = () => done(true);
  });
  video.src = address;
  try {
    return (await shown) ? await pictureOf(video) : null;
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  }
}
