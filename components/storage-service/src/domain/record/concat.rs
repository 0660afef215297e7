use serde::{Deserialize, Serialize};
use spinreel_api::internal::Reservation;

use super::StoredObject;

/// What an upload is to others, by tus' extension `concatenation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Concat {
    /// A part of what becomes a file; never one itself.
    Part(Part),
    /// A file of parts.
    Final(Final),
}

/// A part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its object, once all of its bytes are there.
    pub object: Option<StoredObject>,
    /// The bandwidth that was paid for it, a reservation a day, once all of its bytes are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<Reservation>,
    /// The number of the final upload that is taking it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<u64>,
}

/// What is made of parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Final {
    /// The parts, in their order.
    pub parts: Vec<PartId>,
    /// Whether a client was told of it before its parts were there: then it waits for them again where joining them died.
    pub is_known: bool,
    /// Its object, once the parts are its own for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<StoredObject>,
}

/// Which upload a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartId {
    /// Its number among the user's.
    pub number: u64,
    /// Its id.
    pub id: String,
}
