//! Settings of integrations.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::store::integration_settings::{MAX_BYTES, MAX_SCOPES};
use crate::store::{SettingsError, Store, StoreError};

pub async fn a_patch_sets_the_keys_that_it_names<S: Store>(store: S) {
    let read = async |integration: &str, scope: &str| {
        store
            .integration_settings(integration, scope)
            .await
            .unwrap()
    };
    assert_eq!(read("sync", "us").await, None);
    let patch = json!({"limit": 3, "map": {"a": 1, "b": 2}, "off": null});
    let first = store
        .patch_integration_settings("sync", "us", patch.clone())
        .await
        .unwrap();
    assert_eq!(first, patch);
    let over = json!({"map": {"c": 3}, "limit": 4, "new": [1]});
    let second = store
        .patch_integration_settings("sync", "us", over)
        .await
        .unwrap();
    let expected = json!({"limit": 4, "map": {"c": 3}, "off": null, "new": [1]});
    assert_eq!(second, expected, "key by key at the top, and no deeper");
    assert_eq!(read("sync", "us").await, Some(expected));
    assert_eq!(read("sync", "eu").await, None);
    assert_eq!(read("other", "us").await, None);
    let nothing = store
        .patch_integration_settings("sync", "eu", json!({}))
        .await
        .unwrap();
    assert_eq!(
        (nothing, read("sync", "eu").await),
        (json!({}), Some(json!({})))
    );
    let scopes = store.integration_scopes("sync").await.unwrap();
    assert_eq!(scopes, ["eu", "us"]);
    assert_eq!(store.integration_scopes("other").await.unwrap(), [""; 0]);
}

pub async fn settings_stay_small<S: Store>(store: S) {
    let rejected = |patch: Value| store.patch_integration_settings("sync", "us", patch);
    for patch in [json!([1]), json!("x"), Value::Null] {
        let not_an_object = SettingsError::NotAnObject("sync".into());
        assert_eq!(
            rejected(patch).await,
            Err(StoreError::Settings(not_an_object))
        );
    }
    let half = json!({"a": "x".repeat(MAX_BYTES / 2)});
    let kept = rejected(half.clone()).await.unwrap();
    let other = json!({"b": "x".repeat(MAX_BYTES / 2)});
    assert!(matches!(
        rejected(other).await,
        Err(StoreError::Settings(SettingsError::TooLarge { size, .. })) if size > MAX_BYTES
    ));
    assert_eq!(
        store.integration_settings("sync", "us").await.unwrap(),
        Some(kept)
    );
    let store = Arc::new(store);
    let mut patches = JoinSet::new();
    for scope in 1..MAX_SCOPES {
        let store = Arc::clone(&store);
        patches.spawn(async move {
            let scope = scope.to_string();
            store
                .patch_integration_settings("sync", &scope, json!({}))
                .await
                .unwrap()
        });
    }
    patches.join_all().await;
    let one_more = store
        .patch_integration_settings("sync", "one more", json!({}))
        .await;
    assert!(matches!(
        one_more,
        Err(StoreError::Settings(SettingsError::TooManyScopes { .. }))
    ));
    assert!(
        store
            .patch_integration_settings("sync", "us", json!({"a": 1}))
            .await
            .is_ok()
    );
    assert!(
        store
            .patch_integration_settings("other", "us", json!({}))
            .await
            .is_ok()
    );
}
