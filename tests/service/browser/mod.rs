//! The console in a browser: Debian's Chromium, driven by `console.mjs`, on the demonstration.

mod oidc;

use std::path::PathBuf;

use crate::demo::Demo;
use crate::support::run::{Run, project};

/// A script of this folder, whose packages are installed.
fn installed(script: &str) -> PathBuf {
    assert!(project("tests/service/browser/node_modules/playwright-core").is_dir(), "run scripts/tools.sh test first");
    project("tests/service/browser").join(script)
}

#[test]
fn the_console_works_in_a_browser_from_login_to_download() {
    let demo = Demo::new();
    let links: Vec<&str> = demo.lines.lines().filter_map(|line| line.split_once("): ")).map(|(_, link)| link).collect();
    let [operator, approver, admin] = links[..] else { panic!("three links: {}", demo.lines) };
    let reel = demo.dir().join("reel.zip");
    let script = installed("console.mjs");
    let mut run = Run::tool("timeout").args(["240", "node"]).arg(script).args([operator, approver, admin]).arg(reel);
    // pictures of every page, for those who want to look at them
    if let Some(folder) = std::env::var_os("REROOT_SCREENSHOTS") {
        run = run.arg(folder);
    }
    let said = run.run().success().out();
    assert!(said.ends_with("OK the browser complained of nothing\n"), "{said}");
}
