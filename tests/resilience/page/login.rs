//! The ways to sign in: a link, a secret, and the header of a trusted proxy; and what each role may do.

use flowtrigger_testing::daemon::DaemonProcess;

use super::{PageClient, login_link, sandbox, token};

#[test]
fn a_link_signs_in_once_and_the_session_ends_on_sign_out() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let mut browser = PageClient::new(&daemon);
    let away = browser.get("/deliveries?status=400", &[]);
    assert_eq!(away.status(), 303);
    let login = "/login?next=%2Fdeliveries%3Fstatus%3D400";
    assert_eq!(away.header("location"), Some(login));
    assert_eq!(browser.get("/deliveries.json", &[]).status(), 401);

    let link = login_link(&sandbox, &["--name", "ada"]);
    assert_eq!(
        (&link["name"], &link["role"]),
        (&"ada".into(), &"act".into())
    );
    let token = token(&link);
    // To look at the link, as chats do, does not use it up.
    let shown = browser.get(&format!("/login?token={token}"), &[]);
    assert_eq!(shown.status(), 200);
    assert!(shown.body.contains("Sign in with this link"), "{shown:?}");
    let form = format!("token={token}&next=%2Fdeliveries");
    let opened = browser.post("/login", &[], &form);
    assert_eq!(
        (opened.status(), opened.header("location")),
        (303, Some("/deliveries"))
    );
    let cookie = opened.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let again = browser.post("/login", &[], &form);
    assert_eq!(again.status(), 403);
    assert!(
        again.body.contains("This link was used before"),
        "{again:?}"
    );

    browser.keep_cookie(&opened);
    let page = browser.get("/deliveries", &[]);
    assert_eq!(page.status(), 200);
    assert!(page.body.contains("ada, may act"), "{page:?}");
    assert_eq!(browser.get("/logout", &[]).header("location"), Some("/"));
    assert_eq!(browser.get("/deliveries", &[]).status(), 200);
    assert_eq!(browser.post("/logout", &[], "").status(), 303);
    assert_eq!(browser.get("/deliveries", &[]).status(), 303);
    daemon.expect_message("login link for the page made");
    daemon.expect_log(|line| line["message"] == "signed in on the page" && line["user"] == "ada");
    assert!(!daemon.log().contains(&token), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn after_the_login_no_other_site_is_opened() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::new(&daemon);
    for next in [
        "%2F%2Fevil.example%2F",
        "https%3A%2F%2Fevil.example",
        "%2F%5Cevil.example",
    ] {
        let token = token(&login_link(&sandbox, &[]));
        let opened = browser.post("/login", &[], &format!("token={token}&next={next}"));
        assert_eq!(
            (opened.status(), opened.header("location")),
            (303, Some("/")),
            "{next}"
        );
    }
    let followed = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let step = browser.get("/deliveries", &followed);
    assert_eq!(
        step.header("refresh"),
        Some("0; url=/deliveries"),
        "{step:?}"
    );
    let step = browser.get("//evil.example/", &followed);
    assert_eq!(step.header("refresh"), Some("0; url=/"), "{step:?}");
    daemon.stop();
}

#[test]
fn secrets_sign_in_with_their_role_and_guesses_are_limited() {
    let sandbox = sandbox("page: { secrets: [PAGE_KEY], read_secrets: [READ_KEY] }\n")
        .with_env("FLOWTRIGGER_SECRET_PAGE_KEY", "let-me-act-7214")
        .with_env("FLOWTRIGGER_SECRET_READ_KEY", "let-me-read-381");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let mut browser = PageClient::new(&daemon);
    for (secret, role) in [
        ("let-me-act-7214", "may act"),
        ("let-me-read-381", "may read"),
    ] {
        browser.cookie = None;
        let form = format!("token={secret}&name=bob%0A");
        let opened = browser.post("/login", &[], &form);
        assert_eq!(opened.status(), 303, "{opened:?}");
        browser.keep_cookie(&opened);
        let page = browser.get("/deliveries", &[]);
        assert!(page.body.contains(&format!("bob, {role}")), "{page:?}");
    }
    browser.cookie = None;
    let nameless = browser.post("/login", &[], "token=let-me-act-7214");
    assert_eq!(nameless.status(), 400);
    for _ in 0..10 {
        let wrong = browser.post("/login", &[], "token=let-me-act&name=eve");
        assert_eq!(wrong.status(), 403);
    }
    let limited = browser.post("/login", &[], "token=let-me-act-7214&name=eve");
    assert_eq!(limited.status(), 429);
    assert!((1..=600).contains(&limited.retry_after()), "{limited:?}");
    // A link cannot be guessed, and still works.
    let token = token(&login_link(&sandbox, &[]));
    let opened = browser.post("/login", &[], &format!("token={token}"));
    assert_eq!(opened.status(), 303);
    daemon.expect_log(|line| {
        line["message"] == "login on the page failed" && line["address"] == "127.0.0.1"
    });
    daemon.expect_log(|line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("too many failed logins") && line["wait_seconds"].is_u64()
    });
    assert!(!daemon.log().contains("let-me"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn a_secret_of_the_page_without_a_value_prevents_the_start() {
    let sandbox = sandbox("page: { secrets: [PAGE_KEY] }\n");
    let output = sandbox.run_daemon();
    output.expect_stderr(3, &["secret `PAGE_KEY`", "FLOWTRIGGER_SECRET_PAGE_KEY"]);
    let checked = sandbox.run(&["check"]);
    checked.expect_stdout(0, &["secret `PAGE_KEY` is not available"]);
}

#[test]
fn a_trusted_proxy_names_the_user_and_says_that_it_speaks_tls() {
    let sandbox = sandbox(
        "page: { user_header: X-User, trusted_proxies: [127.0.0.1], actors: [ada], hosts: [desk.example.com] }\n",
    );
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::new(&daemon);
    let host = ("host", "desk.example.com");
    for (name, role) in [("ada", "may act"), ("bob", "may read")] {
        let page = browser.get("/deliveries", &[host, ("x-user", name)]);
        assert_eq!(page.status(), 200, "{page:?}");
        assert!(page.body.contains(&format!("{name}, {role}")), "{page:?}");
    }
    let two = browser.get("/deliveries", &[host, ("x-user", "bob"), ("x-user", "ada")]);
    assert_eq!(two.status(), 303);
    let token = token(&login_link(&sandbox, &[]));
    let tls = [host, ("x-forwarded-proto", "https")];
    let opened = browser.post("/login", &tls, &format!("token={token}"));
    assert!(
        opened.header("set-cookie").unwrap().ends_with("; Secure"),
        "{opened:?}"
    );
    daemon.stop();
}

#[test]
fn a_user_header_of_anybody_else_is_ignored() {
    let sandbox =
        sandbox("page: { user_header: X-User, trusted_proxies: [10.0.0.1], actors: [ada] }\n");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::new(&daemon);
    assert_eq!(
        browser.get("/deliveries", &[("x-user", "ada")]).status(),
        303
    );
    daemon.stop();
}

#[test]
fn without_a_daemon_the_command_says_so() {
    let sandbox = sandbox("");
    let output = sandbox.run(&["page"]);
    output.expect_stderr(
        1,
        &[
            "no daemon runs on the data folder `data`",
            "flowtrigger daemon",
        ],
    );
}

#[test]
fn the_command_prints_a_link_for_people() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let output = sandbox.run(&["page", "--read", "--name", "ada"]);
    let url = format!("http://{}/login?token=", daemon.page_address());
    output.expect_stdout(
        0,
        &[&url, "works once, until 20", "signs in ada, who may read"],
    );
    daemon.stop();
}
