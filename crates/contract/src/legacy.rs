//! storage-service: the contract of older clients, byte for byte.

use serde_json::json;
use spinreel_api::storage::{DeleteFile, Message, StorageStatus};

use crate::operation::{Access, Operation};

pub(crate) fn operations() -> Vec<Operation> {
    let form = json!({
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary", "description": "The file, with its name."}}
    });
    vec![
        Operation::new("POST", "/upload", Access::User, "upload", "Store a file")
            .legacy()
            .takes_form(form)
            .answers::<Message>(200, "It is stored.")
            .refuses(
                400,
                &[],
                "There is no file in the form, or its name is none.",
            )
            .refuses(
                403,
                &[],
                "It does not fit into the storage limit or the day's bandwidth.",
            )
            .refuses(409, &[], "There is a file of that name.")
            .refuses(413, &[], "The form is too large besides its file.")
            .refuses(415, &[], "The body has a content coding.")
            .refuses(500, &[], "The bucket refuses it."),
        Operation::new(
            "DELETE",
            "/delete-file",
            Access::User,
            "deleteFile",
            "Delete a file by its name",
        )
        .legacy()
        .takes::<DeleteFile>()
        .answers::<Message>(200, "It is deleted.")
        .refuses(404, &[], "There is no such file.")
        .refuses(500, &[], "The bucket refuses it."),
        Operation::new(
            "GET",
            "/storage-status",
            Access::User,
            "getStorageStatus",
            "What is stored",
        )
        .legacy()
        .answers::<StorageStatus>(200, "The files, and how much of the limit they take."),
    ]
}
