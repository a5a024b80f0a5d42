//! The web page without a browser: every link and form, headers, escaping, and each page beside its JSON.

mod crawler;
mod html;
