//! Tells the tests whether this processor has AVX-512 IFMA (`cfg(has_ifma)`): tests that need it are ignored, by name,
//! where it is missing. A program that is handed out does not depend on the machine that built it: `cfg(has_ifma)` is
//! set for the profiles of tests alone.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_ifma)");
    #[cfg(target_arch = "x86_64")]
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "debug")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512ifma")
    {
        println!("cargo::rustc-cfg=has_ifma");
    }
}
