//! HLS and DASH: `master.m3u8`, `manifest.mpd`, and the parts of tracks, below a video or a link.

use http::{Method, StatusCode};
use spinreel_api::usage::ActionKind;
use spinreel_http::Problem;
use spinreel_packaging::{MediaSegment, Part, dash, hls, init_segment};
use spinreel_service::{Body, Call, Outcome, Response};

use crate::domain::delivery::plain_path;
use crate::domain::grant::Grant;
use crate::domain::packaged::{Answer, TRACKS, Thing, index_of, segment_pieces, tag_of, version};
use crate::domain::pieces::{self, Piece};
use crate::domain::record::Record;
use crate::indexing::{Opened, indexed, open};
use crate::routes::bytes::{Delivery, Opened as Bytes};
use crate::routes::playable_video;
use crate::routes::playback::check_length;

/// Where captions stand among the tracks.
const CAPTIONS: &str = "captions";

/// `GET /v1/videos/{id}/master.m3u8`
pub(crate) async fn master(call: Call) -> Outcome {
    let record = playable_video(&call).await?;
    master_of(&call, record, None).await
}

/// `GET /v1/videos/{id}/manifest.mpd`
pub(crate) async fn manifest(call: Call) -> Outcome {
    let record = playable_video(&call).await?;
    manifest_of(&call, record, None).await
}

/// `GET /v1/videos/{id}/tracks/{version}/{track}/{part}`
pub(crate) async fn part(call: Call) -> Outcome {
    let record = playable_video(&call).await?;
    part_of(&call, &record, None).await
}

/// The multivariant playlist of HLS.
pub(super) async fn master_of(call: &Call, record: Record, grant: Option<&Grant>) -> Outcome {
    let record = indexed(&call.context, record).await?;
    let opened = open(&call.context, &record).await?;
    let tracks = tracks(&record)?;
    let urls = record.captions.iter().map(|caption| {
        let lang = &caption.lang;
        (lang.as_str(), format!("{tracks}/{CAPTIONS}/{lang}.m3u8"))
    });
    let urls: Vec<(&str, String)> = urls.collect();
    let captions: Vec<hls::Caption<'_>> = urls
        .iter()
        .map(|(lang, url)| hls::Caption { lang, url })
        .collect();
    let text = hls::master(&opened.index.head, &tracks, &captions);
    text_answer(call, &record, grant, hls::MEDIA_TYPE, text, false)
}

/// The manifest of DASH.
pub(super) async fn manifest_of(call: &Call, record: Record, grant: Option<&Grant>) -> Outcome {
    let record = indexed(&call.context, record).await?;
    let opened = open(&call.context, &record).await?;
    let tracks = tracks(&record)?;
    let urls = record.captions.iter().map(|caption| {
        let lang = &caption.lang;
        (lang.as_str(), caption_file(lang, grant))
    });
    let urls: Vec<(&str, String)> = urls.collect();
    let captions: Vec<hls::Caption<'_>> = urls
        .iter()
        .map(|(lang, url)| hls::Caption { lang, url })
        .collect();
    let text = dash::manifest(&opened.index.head, &tracks, &captions);
    text_answer(call, &record, grant, dash::MEDIA_TYPE, text, false)
}

/// Where the captions of a language are, seen from the playlist or the manifest.
fn caption_file(lang: &str, grant: Option<&Grant>) -> String {
    match grant {
        Some(_) => format!("{CAPTIONS}/{lang}.vtt"),
        None => format!("{CAPTIONS}/{lang}"),
    }
}

/// Where the tracks are, seen from there.
fn tracks(record: &Record) -> Result<String, Problem> {
    let index = index_of(record).ok_or_else(Problem::not_found)?;
    Ok(format!("{TRACKS}/{}", version(record, index)))
}

/// A part of a track: 404 where the video has other bytes by now, or no such part.
pub(super) async fn part_of(call: &Call, record: &Record, grant: Option<&Grant>) -> Outcome {
    let index = index_of(record).ok_or_else(Problem::not_found)?;
    let own = version(record, index);
    if call.parameters.get("version") != own {
        return Err(Problem::not_found());
    }
    let (track, part) = (call.parameters.get("track"), call.parameters.get("part"));
    if track == CAPTIONS {
        return captions_of(call, record, grant, part).await;
    }
    let part = Part::parse(part).ok_or_else(Problem::not_found)?;
    let opened = open(&call.context, record).await?;
    let head = &opened.index.head;
    let number = head.track_named(track).ok_or_else(Problem::not_found)?;
    let found = head.tracks.get(number).ok_or_else(Problem::not_found)?;
    let media_type = match found.kind.is_video() {
        true => "video/mp4",
        false => "audio/mp4",
    };
    let playlist = |text| text_answer(call, record, grant, hls::MEDIA_TYPE, text, true);
    match part {
        Part::Playlist => playlist(hls::media(found)),
        Part::IFrames if found.kind.is_video() => playlist(hls::iframes(found)),
        Part::IFrames => Err(Problem::not_found()),
        Part::Init => {
            let bytes = init_segment(found);
            let tag = tag_of(&bytes);
            let thing = immutable(&tag, media_type);
            respond(call, record, grant, thing, vec![Piece::Made(bytes)])
        }
        Part::Segment(segment) => {
            let tag = format!("\"{own}-{track}-{segment}\"");
            let thing = immutable(&tag, media_type);
            segment_of(call, record, grant, &opened, (number, segment), thing).await
        }
    }
}

fn immutable<'a>(etag: &'a str, media_type: &'static str) -> Thing<'a> {
    Thing {
        etag,
        media_type,
        is_immutable: true,
    }
}

/// The playlist of the captions of a language.
async fn captions_of(call: &Call, record: &Record, grant: Option<&Grant>, part: &str) -> Outcome {
    let lang = part.strip_suffix(".m3u8").ok_or_else(Problem::not_found)?;
    let is_there = record.captions.iter().any(|caption| caption.lang == lang);
    if !is_there {
        return Err(Problem::not_found());
    }
    let opened = open(&call.context, record).await?;
    let url = format!("../../../{}", caption_file(lang, grant));
    let text = hls::captions(&opened.index.head, &url);
    text_answer(call, record, grant, hls::MEDIA_TYPE, text, false)
}

/// A segment: one ranged read of the file.
async fn segment_of(
    call: &Call,
    record: &Record,
    grant: Option<&Grant>,
    opened: &Opened,
    (track, segment): (usize, usize),
    thing: Thing<'_>,
) -> Outcome {
    let block = opened.block(&call.context, record, track, segment).await?;
    let made = MediaSegment::new(&opened.index, track, segment, &block);
    let pieces = segment_pieces(made.map_err(Problem::internal)?);
    let Answer {
        status,
        headers,
        pieces,
    } = answer(call, record, grant, thing, pieces)?;
    let has_file = pieces.iter().any(|piece| matches!(piece, Piece::File(_)));
    if call.request.method == Method::HEAD || !has_file {
        return Ok(made_response(status, headers, &pieces));
    }
    let delivery = Delivery {
        record,
        path: plain_path(&record.stored.location),
        pieces,
        most_gap: u64::MAX,
        kind: ActionKind::Stream,
    };
    let body = match delivery.open(call).await? {
        Bytes::Here { body, .. } => body,
        Bytes::Elsewhere(_) => return Err(Problem::unavailable("a segment is at the bucket")),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn text_answer(
    call: &Call,
    record: &Record,
    grant: Option<&Grant>,
    media_type: &'static str,
    text: String,
    is_immutable: bool,
) -> Outcome {
    let tag = tag_of(text.as_bytes());
    let thing = Thing {
        etag: &tag,
        media_type,
        is_immutable,
    };
    respond(
        call,
        record,
        grant,
        thing,
        vec![Piece::Made(text.into_bytes())],
    )
}

/// The answer with what was made here.
fn respond(
    call: &Call,
    record: &Record,
    grant: Option<&Grant>,
    thing: Thing<'_>,
    pieces: Vec<Piece>,
) -> Outcome {
    let answer = answer(call, record, grant, thing, pieces)?;
    Ok(made_response(answer.status, answer.headers, &answer.pieces))
}

/// The answer, or the problem that stands for it.
fn answer(
    call: &Call,
    record: &Record,
    grant: Option<&Grant>,
    thing: Thing<'_>,
    body: Vec<Piece>,
) -> Result<Answer, Problem> {
    let size = pieces::length(&body);
    let answer = thing.answer(record, &call.request.headers, body);
    check_length(grant, pieces::length(&answer.pieces))?;
    match answer.status {
        StatusCode::PRECONDITION_FAILED => Err(Problem::new(
            answer.status,
            "precondition_failed",
            "It is not the one that the condition names.",
        )),
        StatusCode::RANGE_NOT_SATISFIABLE => Err(Problem::range_not_satisfiable(size)),
        _ => Ok(answer),
    }
}

fn made_response(status: StatusCode, headers: http::HeaderMap, pieces: &[Piece]) -> Response {
    let bytes = pieces.iter().filter_map(|piece| match piece {
        Piece::Made(bytes) => Some(bytes.as_slice()),
        Piece::File(_) => None,
    });
    let body = match status == StatusCode::NOT_MODIFIED {
        true => Body::Empty,
        false => Body::Bytes(bytes.collect::<Vec<_>>().concat()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
