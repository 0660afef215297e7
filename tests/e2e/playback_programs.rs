//! Programs that others wrote, with links of ours: ffmpeg, parsers of playlists and manifests, curl, and nginx as a CDN.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::{Method, StatusCode};
use spinreel_tests::foreign::{film, installed, root, run};
use spinreel_tests::{App, CLIP, Reply, eventually};

use crate::packaging::with_short_segments;

/// Has ffmpeg copy these streams of what is at a URL into a file.
async fn copy(url: &str, streams: &[&str], file: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-y", "-i", url]);
    for stream in streams {
        ffmpeg.args(["-map", stream]);
    }
    ffmpeg.args(["-c", "copy"]).arg(file);
    let printed = run(ffmpeg).await;
    assert_eq!(printed, "");
}

/// The packets of a kind in a file: a hash of the bytes of each.
async fn packets(file: &Path, kind: &str) -> Vec<String> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        kind,
        "-show_data_hash",
        "md5",
    ]);
    ffprobe.args(["-show_entries", "packet=data_hash", "-of", "csv=p=0"]);
    ffprobe.arg(file);
    let printed = run(ffprobe).await;
    // What ffprobe says beside a packet stands before its hash, or has a line of its own.
    let hash = |line: &str| Some(line.split_once("MD5:")?.1.trim_end_matches(',').to_owned());
    let packets: Vec<String> = printed.lines().filter_map(hash).collect();
    assert!(!packets.is_empty(), "{}", file.display());
    packets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_copies_hls_and_dash_into_files_with_the_same_frames() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    // ffmpeg's own MP4 of Opus has a packet less, whatever it is made of.
    for (name, copied_name) in [
        ("h264-aac.mp4", "copied.mp4"),
        ("fragmented.mov", "copied.mp4"),
        ("vp9-opus.webm", "copied.mkv"),
    ] {
        let source = app.folder().join(name);
        std::fs::write(&source, film(name)).unwrap();
        let video = user.upload_video(name, &film(name)).await;
        let given = user.links(&video).await;
        let copied = app.folder().join(copied_name);
        let (hls, dash) = (given["hls_url"].as_str(), given["dash_url"].as_str());
        copy(hls.unwrap(), &["0:v:0", "0:a:0"], &copied).await;
        for kind in ["v", "a"] {
            assert_eq!(
                packets(&copied, kind).await,
                packets(&source, kind).await,
                "{name} {kind}"
            );
        }
        // ffmpeg ends with the first track of a manifest that ends, so each is copied by itself.
        for kind in ["v", "a"] {
            copy(dash.unwrap(), &[&format!("0:{kind}:0")], &copied).await;
            assert_eq!(
                packets(&copied, kind).await,
                packets(&source, kind).await,
                "{name} {kind}"
            );
        }
    }
    // What everybody may see plays without a link.
    let video = user.upload_video("film.mp4", &film("h264-aac.mp4")).await;
    user.publish(&video.id).await;
    let url = format!("http://{}{}/master.m3u8", app.address(), video.links.this);
    let copied = app.folder().join("copied.mp4");
    copy(&url, &["0:v:0", "0:a:0"], &copied).await;
    let source = app.folder().join("h264-aac.mp4");
    assert_eq!(packets(&copied, "a").await, packets(&source, "a").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parsers_of_others_read_playlists_and_manifests_and_find_everything() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    let bytes = film("h264-two-tones.mp4");
    let video = user.upload_video("film.mp4", &bytes).await;
    let path = format!("{}/captions/en", video.links.this);
    let request = user.request(Method::PUT, &path);
    let request = request.header("content-type", "text/vtt");
    let captions = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n";
    let reply = Reply::to(request.body(captions)).await;
    reply.expect(StatusCode::CREATED);
    let given = user.links(&video).await;
    let mut command = Command::new(installed("interop/playback/venv/bin/python"));
    command
        .args(["-E", "-s", "-B"])
        .arg(root().join("tests/interop/playback/check.py"))
        .args([given["hls_url"].as_str(), given["dash_url"].as_str()].map(Option::unwrap));
    let printed = run(command).await;
    assert_eq!(printed.lines().count(), 5 + 4, "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_resumes_a_download() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let given = user.links(&video).await;
    let file = app.folder().join("resumed.mp4");
    std::fs::write(&file, &CLIP[..50_000]).unwrap();
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--continue-at",
        "-",
        "--output",
    ]);
    curl.arg(&file).arg(given["content_url"].as_str().unwrap());
    // How many bytes came, so that it is known that it did not begin again.
    curl.args(["--write-out", "%{http_code} %{size_download}"]);
    let printed = run(curl).await;
    assert_eq!(printed, format!("206 {}", CLIP.len() - 50_000));
    assert!(std::fs::read(&file).unwrap() == CLIP);
}

/// nginx that keeps what it fetches, in slices of 16 KiB. Ends when it is dropped.
struct Cdn {
    process: Child,
    origin: String,
}

impl Cdn {
    async fn start(app: &App) -> Self {
        let folder = app.folder().join("cdn");
        std::fs::create_dir(&folder).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr error; events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    proxy_cache_path cache keys_zone=cdn:1m;
    server {{
        listen {address};
        location / {{
            slice 16k;
            proxy_cache cdn;
            proxy_cache_key $uri$is_args$args$slice_range;
            proxy_set_header Range $slice_range;
            proxy_http_version 1.1;
            add_header X-Cache $upstream_cache_status;
            proxy_pass http://{};
        }}
    }}
}}
",
            app.address()
        );
        std::fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(&folder);
        nginx.args(["-c", "nginx.conf", "-e", "stderr"]);
        let process = nginx.stdin(Stdio::null()).spawn().unwrap();
        let origin = format!("http://{address}");
        let cdn = Self { process, origin };
        eventually("nginx answers", || async {
            tokio::net::TcpStream::connect(address).await.ok().map(drop)
        })
        .await;
        cdn
    }

    /// Status, what the cache did, and the bytes of a path, or of a range of it.
    async fn get(&self, path: &str, range: Option<&str>) -> (u16, String, Vec<u8>) {
        let mut request = reqwest::Client::new().get(format!("{}{path}", self.origin));
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let reply = Reply::to(request).await;
        (
            reply.status,
            reply.header("x-cache").to_owned(),
            reply.body.to_vec(),
        )
    }
}

impl Drop for Cdn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_with_a_cache_of_slices_gives_the_same_bytes() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    let bytes = film("h264-aac.mp4");
    let video = user.upload_video("film.mp4", &bytes).await;
    user.publish(&video.id).await;
    let cdn = Cdn::start(&app).await;
    let content = &video.links.content;
    for _ in 0..2 {
        let (status, _, body) = cdn.get(content, None).await;
        assert_eq!((status, body == bytes), (200, true));
        let (status, _, body) = cdn.get(content, Some("bytes=10000-24999")).await;
        assert_eq!((status, body == bytes[10_000..25_000]), (206, true));
    }
    let direct = async |path: &str| app.get(path).await.expect(StatusCode::OK).body.to_vec();
    let master = format!("{}/master.m3u8", video.links.this);
    let (status, _, body) = cdn.get(&master, None).await;
    let expected = direct(&master).await;
    assert_eq!((status, body == expected), (200, true));
    let text = String::from_utf8(body).unwrap();
    let playlist = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let playlist = format!("{}/{playlist}", video.links.this);
    let folder = playlist.trim_end_matches("media.m3u8");
    for name in ["media.m3u8", "init.mp4", "0.m4s", "1.m4s"] {
        let path = format!("{folder}{name}");
        let expected = direct(&path).await;
        for cache in ["MISS", "HIT"] {
            let (status, found, body) = cdn.get(&path, None).await;
            assert_eq!((status, body == expected), (200, true), "{path}");
            assert_eq!(found, cache, "{path}");
        }
        let (_, _, body) = cdn.get(&path, Some("bytes=5-24")).await;
        assert!(body == expected[5..25], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_for_scrubbing_is_whole() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    let video = user.upload_video("film.mp4", &film("h264-aac.mp4")).await;
    user.publish(&video.id).await;
    let master = app.get(&format!("{}/master.m3u8", video.links.this)).await;
    let uris = master.text().lines().filter_map(|line| {
        let (_, uri) = line
            .strip_prefix("#EXT-X-I-FRAME-STREAM-INF:")?
            .split_once("URI=\"")?;
        Some(format!(
            "{}/{}",
            video.links.this,
            uri.trim_end_matches('"')
        ))
    });
    let uris: Vec<String> = uris.collect();
    let [playlist] = uris.as_slice() else {
        panic!("{}", master.text());
    };
    let folder = playlist.trim_end_matches("iframes.m3u8");
    let init = app
        .get(&format!("{folder}init.mp4"))
        .await
        .expect(StatusCode::OK);
    let text = app.get(playlist).await.expect(StatusCode::OK);
    let mut lines = text.text().lines();
    let mut frames = 0;
    while let Some(line) = lines.next() {
        let Some(range) = line.strip_prefix("#EXT-X-BYTERANGE:") else {
            continue;
        };
        let (length, _) = range.split_once('@').unwrap();
        let last = length.parse::<usize>().unwrap() - 1;
        let path = format!("{folder}{}", lines.next().unwrap());
        let request = app
            .request(Method::GET, &path)
            .header("range", format!("bytes=0-{last}"));
        let part = Reply::to(request).await.expect(StatusCode::PARTIAL_CONTENT);
        let file = app.folder().join(format!("frame-{frames}.mp4"));
        std::fs::write(&file, [&init.body[..], &part.body].concat()).unwrap();
        let source = app.folder().join("source.mp4");
        std::fs::write(&source, film("h264-aac.mp4")).unwrap();
        let (found, all) = (packets(&file, "v").await, packets(&source, "v").await);
        // The film has a picture that decoding can begin with every 25.
        assert_eq!(found[0], all[25 * frames]);
        frames += 1;
    }
    assert_eq!(frames, 2);
}
