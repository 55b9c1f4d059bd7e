//! What the OpenAPI document says besides the routes.

use utoipa::OpenApi;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Description, RefOr};

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

/// A job is all of its own members and of `kind`. JSON Schema's `additionalProperties` sees one half alone and would
/// forbid the other's members, so that no job were possible. The service refuses unknown members all the same.
pub(super) fn open_variants(document: &mut Description) {
    let Some(components) = &mut document.components else { return };
    for name in ["ExportJob", "InspectJob", "IssueJob", "VerifyJob"] {
        if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
            object.additional_properties = None;
        }
    }
}

/// The document without routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}
