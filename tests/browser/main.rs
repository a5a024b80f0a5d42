//! Tests of the web page in a real browser. They need `chromium` and `chromedriver`; where these are not installed, each
//! says so in one line and does not run, unless `BROWSER_TESTS_MUST_RUN` is set.

mod appearance;
mod commands;
mod live;
mod login;
mod screenshots;
mod times;
mod try_out;
mod visit;
