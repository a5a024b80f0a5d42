//! Makes the screenshots of the documents: `just screenshots` names the folder in `SCREENSHOTS`.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowtrigger_testing::browser::ColorScheme;

use crate::visit::Visit;

#[test]
fn screenshots_are_made_on_demand() {
    let Some(folder) = std::env::var_os("SCREENSHOTS") else {
        return;
    };
    let folder = Path::new(&folder);
    let Some(visit) = Visit::start() else { return };
    for (name, path) in visit.pages() {
        for (scheme, width) in [
            (ColorScheme::Light, 1_440),
            (ColorScheme::Dark, 1_440),
            (ColorScheme::Light, 390),
        ] {
            visit.browser.set_color_scheme(scheme);
            visit.browser.resize(width, 900);
            visit.open(&path);
            let file = folder.join(format!("{name}-{width}-{}.png", scheme.name()));
            let image = STANDARD.decode(visit.browser.screenshot()).expect("base64");
            fs::write(file, image).expect("a writable folder");
        }
    }
}
