"""m3u8 and mpegdash read a video's playlists and its manifest.

    check.py HLS_URL DASH_URL

Follows every address that they find. Prints a line for each playlist, rendition and adaptation set; the exit code is 1 where
something is not as a film of two seconds with pictures, sound in English and German and English captions has it.
"""

import sys
import urllib.parse
import urllib.request

import m3u8
from mpegdash.parser import MPEGDASHParser


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def playlist(url, kind):
    media = m3u8.loads(get(url).decode(), uri=url)
    assert media.is_endlist and media.playlist_type == "vod", url
    seconds = sum(segment.duration for segment in media.segments)
    assert abs(seconds - 2) < 0.1, (url, seconds)
    assert all(segment.duration <= media.target_duration + 0.5 for segment in media.segments), url
    for segment in media.segments:
        body = get(segment.absolute_uri)
        if segment.byterange:
            length, start = segment.byterange.split("@")
            assert start == "0" and int(length) < len(body), segment.byterange
    if kind == "SUBTITLES":
        assert get(media.segments[0].absolute_uri).startswith(b"WEBVTT")
    else:
        assert get(media.segment_map[0].absolute_uri)[4:8] == b"ftyp", url
    print(f"{kind}: {len(media.segments)} segments, {seconds:.3f} s")
    return media


def hls(url):
    master = m3u8.loads(get(url).decode(), uri=url)
    assert master.is_variant and master.is_independent_segments
    (variant,) = master.playlists
    info = variant.stream_info
    assert info.codecs == "avc1.64000b,mp4a.40.2" and info.resolution == (160, 90), info
    assert info.frame_rate == 25 and info.bandwidth >= info.average_bandwidth > 0, info
    assert playlist(variant.absolute_uri, "VIDEO").is_independent_segments
    renditions = [(media.type, media.language) for media in master.media]
    assert renditions == [("AUDIO", "eng"), ("AUDIO", "deu"), ("SUBTITLES", "en")], renditions
    for media in master.media:
        playlist(media.absolute_uri, media.type)
    (scrubbing,) = master.iframe_playlists
    assert scrubbing.iframe_stream_info.bandwidth > 0
    frames = playlist(scrubbing.absolute_uri, "I-FRAMES")
    assert frames.is_i_frames_only and all(frame.byterange for frame in frames.segments)


def dash(url):
    manifest = MPEGDASHParser.parse(get(url).decode())
    assert manifest.type == "static" and "isoff-live" in manifest.profiles
    (period,) = manifest.periods
    kinds = [(found.content_type, found.lang) for found in period.adaptation_sets]
    assert kinds == [("video", None), ("audio", "eng"), ("audio", "deu"), ("text", "en")], kinds
    for found in period.adaptation_sets:
        (representation,) = found.representations
        assert representation.bandwidth > 0
        if found.content_type == "text":
            captions = representation.base_urls[0].base_url_value
            assert get(urllib.parse.urljoin(url, captions)).startswith(b"WEBVTT")
            print("text")
            continue
        (template,) = found.segment_templates
        steps = template.segment_timelines[0].Ss
        ticks = sum(step.d * (1 + (step.r or 0)) for step in steps)
        assert abs(ticks / template.timescale - 2) < 0.1, ticks
        count = sum(1 + (step.r or 0) for step in steps)
        first = template.start_number
        names = [template.media.replace("$Number$", str(first + number)) for number in range(count)]
        for name in [template.initialization, *names]:
            assert get(urllib.parse.urljoin(url, name))[4:8] in (b"ftyp", b"styp"), name
        print(f"{found.content_type}: {count} segments, {representation.codecs}")


hls(sys.argv[1])
dash(sys.argv[2])
