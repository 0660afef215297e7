//! `cargo xtask fuzz`: the property tests of all that reads bytes of strangers, with many cases, and another seed in
//! every round.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::run::step;
use crate::{build, films};

/// Cases of each property in one round.
const CASES: u64 = 20_000;

/// What is run: packages, and their properties by their whole names.
const PROPERTIES: [(&str, &[&str]); 8] = [
    (
        "spinreel-http",
        &[
            "json::tests::a_member_that_comes_again_is_always_found",
            "json::tests::a_value_without_duplicates_is_what_serde_json_makes_of_it",
            "json::tests::any_bytes_are_read_without_a_panic",
            "json::tests::what_is_nearly_json_is_read_as_serde_json_reads_it",
            "parameters::tests::an_exact_name_wins_wherever_it_stands",
            "parameters::tests::any_text_is_read_to_an_end_without_a_panic",
            "parameters::tests::every_part_that_a_browser_writes_says_what_it_was_given",
            "parameters::tests::every_valid_value_says_what_was_written",
            "pattern::tests::any_path_is_compared_without_a_panic_and_a_named_segment_is_never_empty",
            "pattern::tests::any_value_comes_back_from_its_segment",
            "query::tests::a_forged_cursor_is_refused_or_a_position_of_its_type",
            "query::tests::any_query_is_read_without_a_panic",
            "query::tests::every_position_comes_back_from_its_cursor",
            "range::tests::a_part_is_never_outside_the_file",
            "range::tests::any_text_is_read_without_a_panic",
            "range::tests::parts_have_every_byte_that_was_asked_for_once",
            "request_id::tests::a_sane_id_is_one_word_of_a_header_and_of_a_line",
            "request_id::tests::ids_of_sane_characters_are_sane",
        ],
    ),
    (
        "spinreel-identity",
        &[
            "token::tests::no_other_header_or_signature_gets_through",
            "token::tests::no_text_is_a_token_and_none_panics",
            "token::tests::what_is_issued_is_what_is_read",
        ],
    ),
    (
        "spinreel-service",
        &[
            "inbound::tests::a_new_user_is_read_as_it_was_written",
            "inbound::tests::any_bytes_are_a_body_or_refused",
            "inbound::tests::any_members_are_a_body_or_refused",
        ],
    ),
    (
        "storage-service",
        &[
            "multipart::matcher::tests::needles_are_found_however_the_text_is_cut",
            "multipart::tests::a_file_comes_out_as_it_went_in_and_its_size_is_known_before",
            "multipart::tests::a_file_is_the_same_however_the_form_is_cut",
            "multipart::tests::any_bytes_are_read_to_an_end_without_a_panic",
            "multipart::tests::what_is_nearly_a_form_is_read_to_an_end_and_the_same_however_it_is_cut",
        ],
    ),
    (
        "video-service",
        &[
            "domain::conditions::tests::any_header_is_weighed_without_a_panic",
            "domain::edits::tests::what_was_read_once_is_read_as_it_is",
            "domain::grant::tests::a_grant_that_was_changed_is_none",
            "domain::grant::tests::any_text_is_no_grant",
            "domain::picture::tests::any_bytes_are_read_without_a_panic",
            "domain::views::sketch::tests::any_bytes_are_read_without_a_panic",
            "domain::webvtt::tests::a_file_of_cues_is_taken_whatever_their_texts",
            "domain::webvtt::tests::any_text_is_checked_without_a_panic",
            "domain::words::tests::every_word_of_a_text_finds_it",
        ],
    ),
    (
        "spinreel-ledger",
        &[
            "postings::numbers::tests::any_bytes_are_numbers_in_order_or_refused",
            "postings::numbers::tests::what_was_packed_comes_back",
        ],
    ),
    (
        "spinreel-media",
        &["broken::films_that_were_changed_are_read_to_an_end_without_a_panic"],
    ),
    (
        "logging-service",
        &["domain::batch::tests::any_bytes_are_read_without_a_panic"],
    ),
];

/// Runs them round after round until `minutes` are over, at least once. A property that fails is shown, with the case
/// that it fails for, and its round is the last one; proptest writes that case into a file beside the source, and every
/// later test run begins with it.
pub(crate) fn run(minutes: u32) -> Result<()> {
    let packages = PROPERTIES.map(|(package, _)| package);
    let names = PROPERTIES.map(|(_, names)| names).concat();
    films::prepare(&build::target_dir().join("films"))?;
    step("Building the tests");
    build::build_tests(&packages)?;
    let end = Instant::now() + Duration::from_secs(60 * u64::from(minutes));
    let mut cases = 0;
    loop {
        let failures = round(&packages, &names)?;
        cases += CASES * names.len() as u64;
        step(&format!("{cases} cases, {failures} failures"));
        ensure!(failures == 0, "{failures} properties do not hold");
        if Instant::now() >= end {
            return Ok(());
        }
    }
}

/// Runs every property, and gives the number of those that failed.
fn round(packages: &[&str], names: &[&str]) -> Result<usize> {
    let seed = RandomState::new().build_hasher().finish();
    step(&format!("{} properties, seed {seed}", names.len()));
    let output = build::named_tests(packages, names)
        .env("PROPTEST_CASES", CASES.to_string())
        .env("PROPTEST_RNG_SEED", seed.to_string())
        .env("MEDIA_FUZZ_CASES", CASES.to_string())
        .env("MEDIA_FUZZ_SEED", seed.to_string())
        .output()
        .context("cargo could not be started")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let ended = |how: &str| {
        let lines = printed.lines().filter(|line| line.starts_with("test "));
        lines.filter(|line| line.ends_with(how)).count()
    };
    let failed = ended(" ... FAILED");
    if !output.status.success() {
        eprint!("{}{printed}", String::from_utf8_lossy(&output.stderr));
    }
    // A property under another name would be passed over in silence.
    ensure!(
        ended(" ... ok") + failed == names.len(),
        "not all properties were run: does {} name them as they are named?",
        file!()
    );
    Ok(failed)
}
