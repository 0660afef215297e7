//! What user-service says of keys and revocations, kept in the service's own store.

use std::rc::Rc;

use http::Method;
use spinreel_api::accounts::Role;
use spinreel_api::internal::{AskStanding, Standing};
use spinreel_http::Problem;
use spinreel_identity::{Freshness, Trust, Trusted};
use spinreel_ledger::Cell;
use spinreel_platform::{Clock, Timeouts};

use crate::context::Context;
use crate::peer::PeerError;
use crate::serve::Authority;

/// How long user-service may take to say what is to be trusted: old news will do.
const NEWS_WITHIN: Timeouts = within_ms(5_000);
/// How long it may take to say whether a session is good: a crowd that signs in keeps its processors busy.
const STANDING_WITHIN: Timeouts = within_ms(10_000);

const fn within_ms(ms: u64) -> Timeouts {
    Timeouts {
        connect_ms: ms,
        first_byte_ms: ms,
        between_bytes_ms: ms,
    }
}

/// What this service may believe now: not older than a few seconds, as long as user-service can be reached.
pub(super) async fn current(context: &Rc<Context>) -> Result<Trusted, Problem> {
    if let Authority::Own { keys, .. } = context.service.authority {
        return Ok(Trusted::of_keys(keys(context).await?));
    }
    let known = read(context).await?;
    match known.freshness(context.clock.now_ms()) {
        Freshness::Fresh | Freshness::Stale => Ok(known),
        Freshness::AskAhead => {
            let (after, earlier) = (Rc::clone(context), known.clone());
            context.after_answer(async move {
                // Where it fails, the next request tries again.
                let _ = ask(&after, earlier).await;
            });
            Ok(known)
        }
        Freshness::Ask => ask(context, known).await,
    }
}

/// As [`current`], for a token whose key is not among those that are known: once more where that may help.
pub(super) async fn with_more_keys(
    context: &Rc<Context>,
    known: Trusted,
) -> Result<Trusted, Problem> {
    let is_own = matches!(context.service.authority, Authority::Own { .. });
    if is_own || !known.may_lack_keys(context.clock.now_ms()) {
        return Ok(known);
    }
    ask(context, known).await
}

async fn ask(context: &Rc<Context>, mut known: Trusted) -> Result<Trusted, Problem> {
    let asked_ms = context.clock.now_ms();
    let path = match known.next {
        Some(next) => format!("/internal/users/trust?since={next}"),
        None => "/internal/users/trust".to_owned(),
    };
    let answer: Result<Trust, PeerError> = context
        .users()
        .within(NEWS_WITHIN)
        .call(Method::GET, &path, &())
        .await;
    match answer {
        Ok(answer) => known.absorb(answer, asked_ms),
        // Who cannot be reached revokes nothing; and a pause of user-service must not stop those who are signed in.
        Err(error) if known.next.is_some() => {
            context.log_problem(&Problem::unavailable(error));
            known.note_failure(context.clock.now_ms());
        }
        Err(error) => return Err(error.into()),
    }
    cell(context)
        .set(&context.store, &known)
        .await
        .map_err(Problem::unavailable)?;
    Ok(known)
}

async fn read(context: &Context) -> Result<Trusted, Problem> {
    // What an earlier version wrote is as good as nothing.
    Ok(cell(context)
        .get(&context.store)
        .await
        .or_else(|error| match error {
            spinreel_ledger::LedgerError::Corrupt { .. } => Ok(None),
            error => Err(Problem::unavailable(error)),
        })?
        .unwrap_or_default())
}

fn cell(context: &Context) -> Cell<Trusted> {
    Cell::new(format!("{}trust", context.service.prefix))
}

/// What the user's session is good for at this moment: user-service is asked, whatever is known. `None`: nothing.
pub(super) async fn standing(
    context: &Rc<Context>,
    user_id: &str,
    session_id: &str,
) -> Result<Option<Role>, Problem> {
    let question = AskStanding {
        user_id: user_id.to_owned(),
        session_id: session_id.to_owned(),
    };
    let standing: Standing = match context.service.authority {
        Authority::Own { standing, .. } => standing(context, question).await?,
        Authority::UserService => {
            context
                .users()
                .about(user_id)
                .within(STANDING_WITHIN)
                .call(Method::POST, "/internal/users/standing", &question)
                .await?
        }
    };
    Ok(standing.role)
}
