//! What the OpenAPI document says besides the routes.

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::problem::Document;

/// The frame of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "reroot",
        version = "1",
        description = "Plans, approvals and batches of device certificates. Errors are RFC 9457 with stable dotted codes.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(Document)),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Frame;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document without routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}
