//! `/v1/organization/settings`.

use crate::common::{anonymous, buyer};
use firsthand_tests::shape::{assert_keys, assert_part};
use serde_json::{Value, json};

const PATH: &str = "/v1/organization/settings";

#[tokio::test]
async fn the_settings_show_every_documented_field_under_both_names() {
    let settings = buyer().await.get(PATH).await.ok(200);
    assert_keys(
        &settings,
        &[
            "default_type",
            "default_price_per_file_cents",
            "auto_top_up_enabled",
            "auto_top_up_threshold_cents",
            "auto_top_up_amount_cents",
            "auto_topup_enabled",
            "auto_topup_threshold_cents",
            "auto_topup_amount_cents",
        ],
    );
    assert_part(
        &settings,
        &json!({"low_balance_threshold_cents": 500, "auto_top_up_enabled": false, "auto_topup_enabled": false}),
    );
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let buyer = buyer().await;
    let mut expected = buyer.get(PATH).await.ok(200);
    let patched = buyer.patch(PATH, &json!({"default_price_per_file_cents": 80})).await.ok(200);
    expected["default_price_per_file_cents"] = json!(80);
    for settings in [&patched, &buyer.get(PATH).await.ok(200)] {
        for (field, value) in expected.as_object().expect("an object") {
            if !matches!(field.as_str(), "updated_at" | "version") {
                assert_eq!(settings.get(field), Some(value), "{field}");
            }
        }
    }
    let patched = buyer.patch(PATH, &json!({"default_type": "feedback"})).await.ok(200);
    assert_part(&patched, &json!({"default_type": "feedback", "default_price_per_file_cents": 80}));
}

#[tokio::test]
async fn automatic_top_up_is_set_under_either_name_and_read_under_both() {
    for infix in ["top_up", "topup"] {
        let buyer = buyer().await;
        let field = |name: &str| format!("auto_{infix}_{name}");
        let body = json!({ field("enabled"): true, field("threshold_cents"): 700, field("amount_cents"): 2_500 });
        let settings = buyer.patch(PATH, &body).await.ok(200);
        for infix in ["top_up", "topup"] {
            assert_eq!(settings[format!("auto_{infix}_enabled")], true);
            assert_eq!(settings[format!("auto_{infix}_threshold_cents")], 700);
            assert_eq!(settings[format!("auto_{infix}_amount_cents")], 2_500);
        }
    }
}

#[tokio::test]
async fn two_names_with_two_values_are_refused_and_with_one_value_taken() {
    let buyer = buyer().await;
    let unequal = json!({"auto_top_up_threshold_cents": 700, "auto_topup_threshold_cents": 800});
    buyer.patch(PATH, &unequal).await.refused(400, "validation_error");
    let equal = json!({"auto_top_up_threshold_cents": 700, "auto_topup_threshold_cents": 700});
    assert_eq!(buyer.patch(PATH, &equal).await.ok(200)["auto_top_up_threshold_cents"], 700);
}

#[tokio::test]
async fn a_value_out_of_bounds_is_refused_and_changes_nothing() {
    let buyer = buyer().await;
    let before = buyer.get(PATH).await.ok(200);
    for (field, wrong) in [
        ("default_type", json!("photos")),
        ("default_type", json!(7)),
        ("default_price_per_file_cents", json!("75")),
        ("auto_top_up_enabled", json!("yes")),
        ("auto_top_up_threshold_cents", json!(-1)),
        ("auto_top_up_threshold_cents", json!("700")),
        ("auto_top_up_amount_cents", json!(1_234)),
        ("low_balance_threshold_cents", json!(-1)),
        ("low_balance_threshold_cents", json!("500")),
    ] {
        buyer.patch(PATH, &json!({ field: wrong })).await.invalid(field);
    }
    assert_eq!(buyer.get(PATH).await.ok(200), before);
}

#[tokio::test]
async fn a_default_price_that_no_job_may_have_is_refused() {
    let buyer = buyer().await;
    for price in [9, 50_001] {
        let reply = buyer.patch(PATH, &json!({"default_price_per_file_cents": price})).await;
        assert_eq!(reply.status, 400, "{reply}");
        reply.envelope();
    }
}

#[tokio::test]
async fn money_settings_need_billing_write() {
    let buyer = buyer().await;
    let before = buyer.get(PATH).await.ok(200);
    let reader = buyer.scoped(&["jobs:read", "jobs:write", "usage:read"]).await;
    for body in [
        json!({"auto_top_up_enabled": true}),
        json!({"auto_topup_enabled": true}),
        json!({"auto_top_up_amount_cents": 2_500}),
        json!({"auto_topup_threshold_cents": 700}),
    ] {
        reader.patch(PATH, &body).await.refused(403, "authorization_error");
    }
    assert_eq!(buyer.get(PATH).await.ok(200), before);
}

#[tokio::test]
async fn settings_are_read_with_usage_read_and_never_without_a_key() {
    let buyer = buyer().await;
    buyer.scoped(&["usage:read"]).await.get(PATH).await.ok(200);
    anonymous().get(PATH).await.refused(401, "authentication_error");
    anonymous()
        .patch(PATH, &json!({"default_type": "feedback"}))
        .await
        .refused(401, "authentication_error");
}

#[tokio::test]
async fn a_patch_that_is_no_object_is_refused() {
    let buyer = buyer().await;
    for body in [json!([]), json!("on"), Value::Null] {
        buyer.patch(PATH, &body).await.refused(400, "validation_error");
    }
}
