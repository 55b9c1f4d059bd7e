//! The policies that come with the program.

/// File name and text of every shipped policy. Each opens with who may use it for what.
pub const SHIPPED: &[(&str, &str)] = &[
    ("aws-iot.toml", include_str!("../../policies/aws-iot.toml")),
    ("tls-client.toml", include_str!("../../policies/tls-client.toml")),
];
