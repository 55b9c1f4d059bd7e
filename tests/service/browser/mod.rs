//! The console in a browser: Debian's Chromium, driven by `console.mjs`, on the demonstration.

use crate::demo::Demo;
use crate::support::run::{Run, project};

#[test]
fn the_console_works_in_a_browser_from_login_to_download() {
    let demo = Demo::new();
    let links: Vec<&str> = demo.lines.lines().filter_map(|line| line.split_once("): ")).map(|(_, link)| link).collect();
    let [operator, approver, admin] = links[..] else { panic!("three links: {}", demo.lines) };
    let reel = demo.dir().join("reel.zip");
    let script = project("tests/service/browser/console.mjs");
    assert!(project("tests/service/browser/node_modules/playwright-core").is_dir(), "run scripts/tools.sh test first");
    let run = Run::tool("timeout").args(["240", "node"]).arg(script).args([operator, approver, admin]).arg(reel);
    let said = run.run().success().out();
    assert!(said.ends_with("OK the browser complained of nothing\n"), "{said}");
}
