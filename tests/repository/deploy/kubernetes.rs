//! The Kubernetes manifests: their parts refer to each other, and the program accepts what they configure.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::super::docs::read;
use super::{folder, succeeds_with_rules};

fn documents(name: &str) -> Vec<Value> {
    let text = read(folder("kubernetes").join(name));
    let documents = text.split("\n---\n").map(|document| {
        serde_yaml::from_str(document).unwrap_or_else(|error| panic!("{name}: {error}\n{document}"))
    });
    documents.collect()
}

fn only<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = documents.iter().filter(|one| one["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn names(values: impl Iterator<Item = impl std::borrow::Borrow<Value>>) -> BTreeSet<String> {
    values
        .map(|value| value.borrow()["name"].as_str().unwrap().to_owned())
        .collect()
}

/// What holds for the pods of both manifests.
fn check_workload(documents: &[Value], kind: &str) {
    let workload = only(documents, kind);
    let pod = &workload["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!(&workload["spec"]["selector"]["matchLabels"], labels);
    let service = only(documents, "Service");
    assert_eq!(&service["spec"]["selector"], labels);
    let containers = pod["spec"]["containers"].as_array().unwrap();
    let [container] = &containers[..] else {
        panic!("one container")
    };
    let ports = names(items(container, "ports"));
    let served = names(items(&service["spec"], "ports"));
    assert_eq!(served, ports, "events and metrics");
    let metrics = items(container, "ports").find(|port| port["name"] == "metrics");
    assert_eq!(metrics.unwrap()["containerPort"], 9_464);
    for port in items(&service["spec"], "ports") {
        assert!(
            ports.contains(port["targetPort"].as_str().unwrap()),
            "{port}"
        );
    }
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["path"], path, "{probe}");
        assert!(ports.contains(get["port"].as_str().unwrap()), "{probe}");
    }
    let rights = &container["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true);
    assert_eq!(rights["allowPrivilegeEscalation"], false);
    assert_eq!(rights["capabilities"]["drop"], serde_json::json!(["ALL"]));
    let pod_rights = &pod["spec"]["securityContext"];
    assert_eq!(pod_rights["runAsNonRoot"], true);
    assert_eq!(pod_rights["runAsUser"], 65_532);
    assert_eq!(pod_rights["fsGroup"], 65_532);
    // Longer than the 30 s that active work has.
    assert!(pod["spec"]["terminationGracePeriodSeconds"].as_u64() > Some(35));
    check_volumes(documents, workload, container);
}

fn check_volumes(documents: &[Value], workload: &Value, container: &Value) {
    let pod = &workload["spec"]["template"]["spec"];
    let mut volumes = names(items(pod, "volumes"));
    let claims = items(&workload["spec"], "volumeClaimTemplates");
    volumes.extend(names(claims.map(|claim| &claim["metadata"])));
    let mounts = names(items(container, "volumeMounts"));
    assert_eq!(volumes, mounts);
    let named = |kind: &str| {
        let all = documents.iter().filter(move |one| one["kind"] == kind);
        names(all.map(|one| &one["metadata"]))
    };
    for volume in items(pod, "volumes") {
        if let Some(config) = volume["configMap"]["name"].as_str() {
            assert!(named("ConfigMap").contains(config), "{config}");
        }
        if let Some(secret) = volume["secret"]["secretName"].as_str() {
            assert!(named("Secret").contains(secret), "{secret}");
        }
    }
    let data = items(container, "env").find(|one| one["name"] == "FLOWTRIGGER_DATA");
    let data = data.unwrap()["value"].as_str().unwrap();
    let is_below = |mount: &Value| data.starts_with(mount["mountPath"].as_str().unwrap());
    assert!(items(container, "volumeMounts").any(is_below), "{data}");
}

/// Writes the files of the config maps as the pod sees them, and checks them with the program.
fn check_configuration(documents: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    for map in documents.iter().filter(|one| one["kind"] == "ConfigMap") {
        let target = match map["metadata"]["name"].as_str().unwrap() {
            "flowtrigger-config" => folder.path(),
            "flowtrigger-rules" => &rules,
            name => panic!("{name}"),
        };
        for (name, text) in map["data"].as_object().unwrap() {
            fs::write(target.join(name), text.as_str().unwrap()).unwrap();
        }
    }
    let config = folder.path().join("flowtrigger.yaml");
    succeeds_with_rules("check", &config, &rules);
    let text = read(&config);
    let listen: Value = serde_yaml::from_str(&text).unwrap();
    let metrics = &listen["listen"]["metrics"];
    // Other pods read the metrics here: the events listener answers this pod only.
    assert_eq!(metrics["address"], "0.0.0.0:9464");
    assert!(metrics["allow"].is_array(), "{metrics}");
    let secrets = only(documents, "Secret")["stringData"].as_object().unwrap();
    let config = read(config);
    for name in secrets.keys() {
        let file = format!("file: /etc/flowtrigger/secrets/{name} ");
        assert!(config.contains(&file), "{file}: {config}");
    }
}

#[test]
fn one_daemon_has_a_volume_for_itself() {
    let documents = documents("single.yaml");
    check_workload(&documents, "StatefulSet");
    check_configuration(&documents);
    let workload = only(&documents, "StatefulSet");
    assert_eq!(workload["spec"]["replicas"], 1);
    assert_eq!(
        workload["spec"]["serviceName"],
        only(&documents, "Service")["metadata"]["name"]
    );
}

#[test]
fn several_daemons_share_a_database() {
    let documents = documents("several.yaml");
    check_workload(&documents, "Deployment");
    check_configuration(&documents);
    let workload = only(&documents, "Deployment");
    assert_eq!(
        workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"],
        0
    );
    let budget = only(&documents, "PodDisruptionBudget");
    assert_eq!(budget["spec"]["selector"], workload["spec"]["selector"]);
    let config = documents[0]["data"]["flowtrigger.yaml"].as_str().unwrap();
    assert!(config.contains("\nstore:\n"), "{config}");
}
