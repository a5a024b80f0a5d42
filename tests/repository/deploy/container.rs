//! The container: its script is a shell script, and its file agrees with the Kubernetes manifests.

use std::process::Command;

use super::super::docs::read;
use super::{folder, succeeds};

#[test]
fn the_script_of_the_container_is_a_shell_script() {
    succeeds(
        Command::new("sh").args(["-n", "rootfs"]),
        &folder("container"),
    );
}

#[test]
fn container_and_manifests_agree() {
    let file = read(folder("container").join("Containerfile"));
    for needed in [
        "FROM scratch\n",
        "USER 65532:65532\n",
        "FLOWTRIGGER_RULES=/etc/flowtrigger/rules ",
        "EXPOSE 8080\n",
        "CMD [\"/flowtrigger\", \"status\"]\n",
        "deploy/container/rootfs --profile dist /rootfs\n",
    ] {
        assert!(file.contains(needed), "{needed}");
    }
    for manifest in ["single.yaml", "several.yaml"] {
        let manifest = read(folder("kubernetes").join(manifest));
        for needed in [
            "runAsUser: 65532\n",
            "containerPort: 8080 }\n",
            "mountPath: /etc/flowtrigger/rules,",
        ] {
            assert!(manifest.contains(needed), "{needed}");
        }
        let image = format!("image: flowtrigger:{}\n", env!("CARGO_PKG_VERSION"));
        assert!(manifest.contains(&image), "{image}");
    }
}
