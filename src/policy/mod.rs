//! Policy files: TOML to policy to object templates; one field or extension a file.
