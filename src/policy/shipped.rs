//! The policies that come with the program.

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// File name and text of every shipped policy. Each opens with who may use it for what.
        pub const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/", $name)))),*];
    };
}

shipped! {
    "aws-iot.toml",
    "azure-dps.toml",
    "idevid.toml",
    "ieee2030-5.toml",
    "ldevid.toml",
    "lwm2m.toml",
    "matter-dac.toml",
    "minimal.toml",
    "opcua-device.toml",
    "tls-client.toml",
}
