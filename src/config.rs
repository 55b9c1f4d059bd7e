//! `reroot.toml`: issuer, anchors, ledger, manifest signer.
