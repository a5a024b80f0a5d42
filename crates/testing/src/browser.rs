//! A real browser, driven through WebDriver: `chromedriver` starts Chromium, and each test has a session of its own.
//! Where one of them is not installed, [`Browser::start`] says so and the test does not run.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::http_wire::Connection;

/// With this variable, a missing browser fails the test.
const REQUIRED: &str = "BROWSER_TESTS_MUST_RUN";

/// How often a driver is started until one has its port.
const DRIVER_STARTS: usize = 5;

/// How WebDriver names a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that have no character, as WebDriver writes them.
pub mod keys {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const SPACE: &str = "\u{e00d}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const DOWN: &str = "\u{e015}";
}

/// Which colours a page is shown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorScheme {
    Light,
    Dark,
}

impl ColorScheme {
    pub fn name(self) -> &'static str {
        match self {
            ColorScheme::Light => "light",
            ColorScheme::Dark => "dark",
        }
    }
}

/// Whether pages may run their script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// A browser with one window. It ends when it is dropped.
pub struct Browser {
    driver: Child,
    address: String,
    session: String,
}

/// An element of the page.
#[derive(Debug, Clone)]
pub struct Element(String);

impl Browser {
    /// Starts a browser; `None`, with one line on standard error, where none is installed.
    #[track_caller]
    pub fn start() -> Option<Self> {
        match Self::launch() {
            Ok(browser) => Some(browser),
            Err(why) if std::env::var_os(REQUIRED).is_some() => panic!("no browser: {why}"),
            Err(why) => {
                #[allow(clippy::print_stderr)]
                {
                    eprintln!("the browser test was not run: {why}");
                }
                None
            }
        }
    }

    fn launch() -> Result<Self, String> {
        let mut browser = Self::start_driver()?;
        let options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--hide-scrollbars", "--force-color-profile=srgb",
            ],
        });
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": options,
        });
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let created = browser.send("POST", "/session", &body)?;
        let session = created["sessionId"].as_str().ok_or("no session")?;
        browser.session = format!("/session/{session}");
        Ok(browser)
    }

    /// A driver that listens, without a session.
    ///
    /// The driver takes a free port for IPv4 and then the same one for IPv6, where another process can have it. It
    /// then ends, and the next start finds another port.
    fn start_driver() -> Result<Self, String> {
        let mut result = Self::start_driver_once();
        for _ in 1..DRIVER_STARTS {
            if result.is_ok() {
                break;
            }
            result = Self::start_driver_once();
        }
        result
    }

    fn start_driver_once() -> Result<Self, String> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("`chromedriver` does not start: {error}"))?;
        let stdout = driver.stdout.take().expect("standard output is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut printed = String::new();
        let port = lines.find_map(|line| {
            printed.push_str(&line);
            printed.push('\n');
            let port = line.split("successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let Some(port) = port else {
            let _ = driver.kill();
            let _ = driver.wait();
            return Err(format!("`chromedriver` names no port:\n{printed}"));
        };
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            driver,
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
        })
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = match method {
            "GET" | "DELETE" => String::new(),
            _ => body.to_string(),
        };
        let failed = |error: std::io::Error| format!("chromedriver: {error}");
        let mut connection = Connection::open(&self.address).map_err(failed)?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = connection.send_bytes(request.as_bytes()).map_err(failed)?;
        let value = answer.json()["value"].clone();
        match value["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let path = format!("{}{path}", self.session);
        let answer = self.send(method, &path, &body);
        answer.unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    #[track_caller]
    fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("POST", "/goog/cdp/execute", body)
    }

    #[track_caller]
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", json!({ "url": url }));
    }

    #[track_caller]
    pub fn url(&self) -> String {
        text(&self.ask("GET", "/url", Value::Null))
    }

    #[track_caller]
    pub fn title(&self) -> String {
        text(&self.ask("GET", "/title", Value::Null))
    }

    /// The source of the page as the browser has it now.
    #[track_caller]
    pub fn source(&self) -> String {
        text(&self.ask("GET", "/source", Value::Null))
    }

    /// Sets the size of the page's view, also smaller than a window can be.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    #[track_caller]
    pub fn set_color_scheme(&self, scheme: ColorScheme) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme.name() });
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        );
    }

    /// The zone of the reader, such as `Asia/Kolkata`, from the next page on.
    #[track_caller]
    pub fn set_time_zone(&self, zone: &str) {
        self.devtools(
            "Emulation.setTimezoneOverride",
            json!({ "timezoneId": zone }),
        );
    }

    /// Takes effect with the next page.
    #[track_caller]
    pub fn set_scripts(&self, scripts: Scripts) {
        let value = json!({ "value": scripts == Scripts::Off });
        self.devtools("Emulation.setScriptExecutionDisabled", value);
    }

    /// Runs a function body in the page; `return` gives its result. Needs no script of the page.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.ask("POST", "/execute/sync", body)
    }

    /// Runs a function body that calls its last argument when it is done.
    #[track_caller]
    pub fn run_async(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.ask("POST", "/execute/async", body)
    }

    /// The first element of a CSS selector.
    #[track_caller]
    pub fn find(&self, selector: &str) -> Element {
        let body = json!({ "using": "css selector", "value": selector });
        element(&self.ask("POST", "/element", body))
    }

    #[track_caller]
    pub fn find_all(&self, selector: &str) -> Vec<Element> {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", "/elements", body);
        found
            .as_array()
            .into_iter()
            .flatten()
            .map(element)
            .collect()
    }

    /// The element that has the focus.
    #[track_caller]
    pub fn focused(&self) -> Element {
        element(&self.ask("GET", "/element/active", Value::Null))
    }

    #[track_caller]
    pub fn text_of(&self, Element(id): &Element) -> String {
        text(&self.ask("GET", &format!("/element/{id}/text"), Value::Null))
    }

    #[track_caller]
    pub fn click(&self, Element(id): &Element) {
        self.ask("POST", &format!("/element/{id}/click"), json!({}));
    }

    /// Types into an element.
    #[track_caller]
    pub fn type_into(&self, Element(id): &Element, text: &str) {
        self.ask(
            "POST",
            &format!("/element/{id}/value"),
            json!({ "text": text }),
        );
    }

    /// Presses and releases keys where the focus is, as a person without a mouse does.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                let key = key.to_string();
                [
                    json!({ "type": "keyDown", "value": key.clone() }),
                    json!({ "type": "keyUp", "value": key }),
                ]
            })
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.ask("POST", "/actions", json!({ "actions": [keyboard] }));
    }

    /// What the browser logged since the last call: errors of scripts, blocked and missing files.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", json!({ "type": "browser" }));
        let entries = log.as_array().into_iter().flatten();
        entries
            .map(|entry| format!("{} {}", entry["level"], entry["message"]))
            .collect()
    }

    /// The whole page as a PNG file in base64.
    #[track_caller]
    pub fn screenshot(&self) -> String {
        let shot = json!({ "captureBeyondViewport": true, "format": "png" });
        text(&self.devtools("Page.captureScreenshot", shot)["data"])
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            drop(self.send("DELETE", &self.session, &Value::Null));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"));
    text.to_owned()
}

#[track_caller]
fn element(value: &Value) -> Element {
    Element(text(&value[ELEMENT]))
}
