//! user-service: accounts, sessions, tokens, keys.

use serde_json::json;
use spinreel_api::accounts::{
    ChangePassword, ChangeUser, Credentials, ManagedUser, NewUser, PublicUser, Tokens, User,
};

use crate::operation::{Access, Operation};

/// What too many attempts come to.
const TOO_MANY: &str =
    "There were too many attempts; `Retry-After` says when the next one may be made.";

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = own_account();
    all.extend(others());
    all.extend(sessions());
    all.extend(tokens());
    all.extend(password_resets());
    all
}

fn own_account() -> Vec<Operation> {
    vec![
        Operation::new("POST", "/v1/users", Access::Open, "register", "Sign up")
            .takes::<NewUser>()
            .answers::<User>(201, "The account.")
            .with_header(201, "Location", "The account's address.")
            .refuses(409, &["email_taken", "username_taken"], "Somebody has it.")
            .refuses(429, &["too_many_attempts"], TOO_MANY),
        Operation::new("GET", "/v1/users/me", Access::User, "getOwnAccount", "The own account")
            .answers::<User>(200, "The account."),
        Operation::new("PATCH", "/v1/users/me", Access::User, "changePassword", "Change the password")
            .describes("The other sessions end.")
            .takes::<ChangePassword>()
            .answers::<User>(200, "The account.")
            .refuses(403, &["wrong_password"], "The current password is another one.")
            .refuses(429, &["too_many_attempts"], TOO_MANY),
        Operation::new("DELETE", "/v1/users/me", Access::User, "deleteOwnAccount", "Delete the own account")
            .describes("Sessions and tokens end at once, everything that was stored goes, then the names are free.")
            .answers_nothing(204, "It is being deleted."),
    ]
}

fn others() -> Vec<Operation> {
    vec![
        Operation::new(
            "GET",
            "/v1/users",
            Access::Admin,
            "listUsers",
            "All accounts, newest first",
        )
        .list()
        .answers_page::<ManagedUser>("A page of accounts."),
        Operation::new(
            "GET",
            "/v1/users/:id",
            Access::User,
            "getUser",
            "What everybody may know of a user",
        )
        .answers::<PublicUser>(200, "The public part of the account.")
        .refuses(404, &["not_found"], "There is no such user."),
        Operation::new(
            "PATCH",
            "/v1/users/:id",
            Access::Admin,
            "changeUser",
            "Change a user's role, state or limits",
        )
        .takes::<ChangeUser>()
        .answers::<ManagedUser>(200, "The account.")
        .refuses(404, &["not_found"], "There is no such user.")
        .refuses(
            409,
            &["own_account"],
            "Nobody disables or demotes themselves.",
        ),
    ]
}

fn sessions() -> Vec<Operation> {
    let session = json!({
        "type": "object",
        "required": ["id", "created_at", "last_used_at", "user_agent"],
        "properties": {
            "id": {"type": "string"},
            "created_at": {"type": "string", "format": "date-time"},
            "last_used_at": {"type": "string", "format": "date-time"},
            "user_agent": {"type": ["string", "null"], "description": "What the client called itself when it signed in."}
        }
    });
    let page = json!({
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": session},
            "next_cursor": {"type": ["string", "null"]}
        }
    });
    let refresh = json!({
        "type": "object",
        "required": ["refresh_token"],
        "properties": {"refresh_token": {"type": "string"}}
    });
    vec![
        Operation::new("POST", "/v1/sessions", Access::Open, "signIn", "Sign in")
            .takes::<Credentials>()
            .answers::<Tokens>(200, "The session's tokens.")
            .refuses(401, &["invalid_credentials"], "The same for an unknown address and a wrong password.")
            .refuses(403, &["account_disabled"], "The account is disabled.")
            .refuses(429, &["too_many_attempts"], TOO_MANY),
        Operation::new("GET", "/v1/sessions", Access::User, "listSessions", "The own sessions, newest first")
            .list()
            .answers_json(200, "A page of sessions.", page),
        Operation::new("DELETE", "/v1/sessions", Access::User, "signOutEverywhere", "End all own sessions")
            .answers_nothing(204, "They are over."),
        Operation::new("DELETE", "/v1/sessions/current", Access::User, "signOut", "End this session")
            .answers_nothing(204, "It is over."),
        Operation::new("POST", "/v1/sessions/refresh", Access::Open, "refresh", "Exchange a refresh token")
            .describes("A refresh token is good for one exchange. One that is used again later ends its session.")
            .takes_json(refresh)
            .answers::<Tokens>(200, "New tokens.")
            .refuses(401, &["refresh_token_invalid"], "It is none, it was used, or its session is over."),
    ]
}

fn tokens() -> Vec<Operation> {
    let form = "The form has one member, `token`.";
    let introspection = json!({
        "type": "object",
        "required": ["active"],
        "properties": {
            "active": {"type": "boolean"}, "scope": {"type": "string"}, "client_id": {"type": "string"},
            "username": {"type": "string"}, "token_type": {"type": "string"}, "exp": {"type": "integer"},
            "sub": {"type": "string"}, "aud": {"type": "string"}, "iss": {"type": "string"},
            "jti": {"type": "string"}, "sid": {"type": "string"}
        }
    });
    let keys = json!({
        "type": "object",
        "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": {"type": "object"}}}
    });
    let of_form = |operation: Operation| {
        operation
            .takes_bytes(&["application/x-www-form-urlencoded"], form)
            .refuses(400, &["invalid_request"], "The form has no token.")
            .refuses(413, &["body_too_large"], "The body is too large.")
            .refuses(415, &["unsupported_media_type"], "The body is no form.")
    };
    vec![
        of_form(Operation::new(
            "POST",
            "/v1/tokens/introspect",
            Access::Service,
            "introspect",
            "Whether a token is good (RFC 7662)",
        ))
        .answers_json(200, "What the token is good for.", introspection),
        of_form(Operation::new(
            "POST",
            "/v1/tokens/revoke",
            Access::Service,
            "revoke",
            "End the session of a token (RFC 7009)",
        ))
        .answers_nothing(200, "It is over, or there was none."),
        Operation::new(
            "GET",
            "/.well-known/jwks.json",
            Access::Open,
            "getKeys",
            "The public keys (RFC 7517)",
        )
        .answers_json(200, "The keys that access tokens are signed with.", keys),
    ]
}

fn password_resets() -> Vec<Operation> {
    let text = |name: &str| json!({"type": "object", "required": [name], "properties": {name: {"type": "string"}}});
    let mut complete = text("token");
    complete["required"] = json!(["token", "password"]);
    complete["properties"]["password"] =
        json!({"type": "string", "description": "8–256 characters."});
    let made = json!({
        "type": "object",
        "required": ["token", "expires_at"],
        "properties": {"token": {"type": "string"}, "expires_at": {"type": "string", "format": "date-time"}}
    });
    vec![
        Operation::new(
            "POST",
            "/v1/password-resets",
            Access::Open,
            "requestPasswordReset",
            "Ask for a new password",
        )
        .describes(
            "The same answer for addresses that nobody has. The token goes out by the webhook.",
        )
        .takes_json(text("email"))
        .answers_nothing(202, "It is noted.")
        .refuses(429, &["too_many_attempts"], TOO_MANY),
        Operation::new(
            "POST",
            "/v1/password-resets/complete",
            Access::Open,
            "completePasswordReset",
            "Set a new password",
        )
        .describes("All sessions end.")
        .takes_json(complete)
        .answers_nothing(204, "The password is the new one.")
        .refuses(
            401,
            &["reset_token_invalid"],
            "The token is none, was used, or has expired.",
        )
        .refuses(429, &["too_many_attempts"], TOO_MANY),
        Operation::new(
            "POST",
            "/v1/users/:id/password-reset",
            Access::Admin,
            "createPasswordReset",
            "A token for a user who asks an operator",
        )
        .answers_json(201, "The token.", made)
        .refuses(404, &["not_found"], "There is no such user."),
    ]
}
