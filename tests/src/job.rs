//! Bodies of `POST /v1/jobs`.

use serde_json::{Value, json};

/// A job for this many JPEG photographs at this price: every required field, nothing else.
pub fn photos(files: u32, price_cents: i64) -> Value {
    json!({
        "type": "data_collection",
        "description": "Photographs of shop windows by daylight, taken from the pavement.",
        "files_needed": files,
        "accepted_formats": ["image/jpeg"],
        "price_per_file_cents": price_cents,
    })
}

/// [`photos`] with these fields added or replaced.
pub fn photos_with(files: u32, price_cents: i64, fields: &Value) -> Value {
    with(&photos(files, price_cents), fields)
}

/// A body with these fields added or replaced.
pub fn with(body: &Value, fields: &Value) -> Value {
    let mut body = body.clone();
    let fields = fields.as_object().expect("fields are an object").clone();
    body.as_object_mut().expect("a body is an object").extend(fields);
    body
}

/// A body without this field.
pub fn without(body: &Value, field: &str) -> Value {
    let mut body = body.clone();
    body.as_object_mut().expect("a body is an object").remove(field).expect("the field was there");
    body
}
